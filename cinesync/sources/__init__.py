"""Where interactions come from: one registry of sources, one way to load them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polars.exceptions import PolarsError

from cinesync.sources import (
    adjacency,
    amazon,
    anime,
    generated,
    movielens,
    netflix,
    prepared,
    sequences,
    tabular,
)
from cinesync.sources.describe import describe
from cinesync.sources.download import Progress, fetch
from cinesync.sources.source import Loaded, Request, Source
from reccore.config import Tree, merge, parse_assignments, validate
from reccore.data.split import Given
from reccore.errors import UserError

__all__ = [
    "SOURCES",
    "Given",
    "Loaded",
    "Source",
    "data_root",
    "describe",
    "detect",
    "load",
    "prepare",
]

MODULES = (
    generated,
    movielens,
    anime,
    amazon,
    netflix,
    adjacency,
    sequences,
    tabular,
    prepared,
)
SOURCES: dict[str, Source] = {one.name: one for module in MODULES for one in module.SOURCES}


def data_root() -> Path:
    """Where named data sets lie, one folder each: $GIFTREC_DATA, or `data/` here."""
    return Path(os.environ.get("GIFTREC_DATA", "data"))


def load(
    name: str | None = None,
    path: Path | None = None,
    columns: Mapping[str, str] | None = None,
    items: Path | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Loaded:
    """Load a source of the registry.

    `path` is its file or folder; without one, `data_root()/name`. Without a name (or with
    "file") a folder is recognised by its files. `columns` maps roles to the file's columns and
    `items` is a table of titles and features; both are for sources that take any file.
    `options` are the source's own settings. The same arguments give the same bits.
    """
    mapped = bool(columns) and path is not None and path.is_file()
    source = SOURCES["file"] if mapped else _source(name, path)  # a map says: read it as a table
    for given, what, takers in (
        (columns, "--map", ("file",)),
        (items, "--items", ("file", "amazon")),
    ):
        if given and source.name not in takers:
            raise UserError(
                f"{what} does not apply to {source.name}", "it is for " + ", ".join(takers)
            )
    request = Request(
        source.name,
        _path(source, path),
        validate(source.settings, _tree(options or {}), f"the options of {source.name}"),
        columns or {},
        items,
        source.licence,
        seed,
    )
    try:
        return source.load(request)
    except PolarsError as error:  # a side file (titles, people) of another layout
        reason = str(error).splitlines()[0]
        raise UserError(
            f"a file of {request.path} is not laid out as {source.name} wants: {reason}",
            "give the files as they were published",
        ) from error


def prepare(
    name: str | None,
    out: Path,
    path: Path | None = None,
    progress: Progress | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    items: Path | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Write a source in its normal form to the folder `out`, downloading it first if need be.

    What is downloaded stays in `data_root()/name`, where `load(name)` finds it.
    """
    source = _source(name, path)
    if path is None and source.url is not None:
        path = fetch(source, data_root(), progress)
    return prepared.write(load(source.name, path, columns, items, seed, options), out)


def detect(folder: Path) -> Source:
    """The source whose files a folder holds; of several, the one it is named after."""
    fits = {one.name: one.fits(folder) for one in SOURCES.values()}
    best = max(fits.values())
    found = [name for name, files in fits.items() if files == best]
    if best == 0:
        raise UserError(
            f"{folder} holds no data set of a known layout",
            "give a file with --from FILE --map user=..,item=.., or name the source with --data",
        )
    if len(found) > 1 and folder.resolve().name not in found:
        raise UserError(f"{folder} could be {', '.join(found)}", "name the source with --data NAME")
    return SOURCES[found[0] if len(found) == 1 else folder.resolve().name]


def _source(name: str | None, path: Path | None) -> Source:
    if name in (None, "", "file") and path is not None:
        return detect(path) if path.is_dir() else SOURCES["file"]
    wanted = name or "generated"
    if wanted not in SOURCES:
        raise UserError(f"unknown data {wanted!r}", "known: " + ", ".join(SOURCES))
    return SOURCES[wanted]


def _path(source: Source, path: Path | None) -> Path:
    if not source.needs_path:
        if path is not None:
            raise UserError(f"{source.name} data take no path", "leave --from out")
        return Path()
    if path is not None:
        if not path.exists():
            raise UserError(f"no such file or folder: {path}", "check --from")
        return path
    usual = data_root() / source.name
    if usual.exists():
        return usual
    remedy = "give its files with --from PATH"
    if source.url is not None:
        remedy = f"`cinesync data prepare {source.name}` downloads it, or {remedy}"
    raise UserError(f"{source.name} is not in {usual}", remedy)


def _tree(options: Mapping[str, Any]) -> Tree:
    """Options as given by a program, or as text from a command line."""
    trees = (
        parse_assignments([f"{key}={value}"]) if isinstance(value, str) else {key: value}
        for key, value in options.items()
    )
    return merge(*trees)

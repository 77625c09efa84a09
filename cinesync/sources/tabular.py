"""Any table of interactions: CSV, TSV, Parquet or JSON lines, by the names of its columns.

`--from FILE --map user=..,item=..,value=..,timestamp=..,order=..` (and `split=..` for a column of
train, validation, test). `--items FILE` adds titles and features: its id column is `id`, `item`
or named as in `--map item=`; `genres` and other text columns become bags of words, split at `|`.
"""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError
from pydantic import Field

from cinesync.sources.delimited import first_line, read_bytes, read_delimited
from cinesync.sources.features import bands, categories, split_words
from cinesync.sources.frames import loaded
from cinesync.sources.source import FileSettings, Loaded, Request, Source
from reccore.errors import UserError

SEPARATORS = "\t,;|"
TITLES = ("title", "name")
BINS = 10


class TableSettings(FileSettings):
    """How a table of items is read."""

    features: str | None = Field(
        None, description="columns of --items to take as features: NAME,NAME (default: all)"
    )


def load(request: Request) -> Loaded:
    """The mapped columns of one file."""
    assert isinstance(request.settings, TableSettings)
    if request.path.is_dir():
        raise UserError(
            f"{request.path} is a folder of no known layout",
            "give a file, or name the source with --data",
        )
    items = None
    if request.items is not None:
        key = request.columns.get("item", "item")
        chosen = request.settings.features
        items = read_items(request.items, key, chosen.split(",") if chosen else None)
    named = replace(request, name=request.path.name.partition(".")[0])
    return loaded(named, read_table(request.path), request.columns, items=items)


def read_table(path: Path) -> pl.DataFrame:
    """A frame by the file's ending; columns of text files stay text until they are checked."""
    if not path.is_file():
        raise UserError(f"no such file: {path}", "check the path")
    kind = next((s for s in reversed(path.suffixes) if s != ".gz"), "")
    try:
        if kind == ".parquet":
            return pl.read_parquet(path)
        if kind in (".jsonl", ".ndjson", ".json"):
            return pl.read_ndjson(read_bytes(path), infer_schema_length=None)
    except PolarsError as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} is not a {kind[1:]} file: {reason}", "check the file") from None
    return read_delimited(path, max(SEPARATORS, key=first_line(path).count))


def read_items(path: Path, key: str, features: list[str] | None) -> pl.DataFrame:
    """Ids, titles and features, as `features.table` wants them."""
    frame = read_table(path)
    ids = next((name for name in (key, "item", "id") if name in frame.columns), None)
    if ids is None:
        raise UserError(
            f"{path} has no column {key!r}, item or id", f"it has: {', '.join(frame.columns)}"
        )
    title = next((name for name in TITLES if name in frame.columns), None)
    wanted = [name for name in frame.columns if name not in (ids, title)]
    for name in features or ():
        if name not in wanted:
            raise UserError(f"{path} has no feature {name!r}", f"it has: {', '.join(wanted)}")
    columns = {"id": frame[ids]}
    if title is not None:
        columns["title"] = frame[title].cast(pl.String)
    for name in wanted if features is None else features:
        columns[name] = _words(frame[name], path)
    return pl.DataFrame(columns)


def _words(column: pl.Series, path: Path) -> pl.Series:
    """Lists and text by their words, numbers by tenths of their range in rank."""
    if column.dtype.base_type() == pl.List:
        return column.cast(pl.List(pl.String))
    numbers = column
    if column.dtype == pl.String:
        numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
    if not column.dtype.is_numeric() and numbers.null_count() > column.null_count():
        words = split_words(column.cast(pl.String), "|")
    elif numbers.n_unique() <= 2 * BINS:
        words = categories(column)
    else:
        return _tenths(numbers)
    distinct = words.explode(empty_as_null=True).n_unique()
    if distinct > max(100, len(column) // 2):
        raise UserError(
            f"{path}: column {column.name!r} has {distinct:,} different words in "
            f"{len(column):,} rows, too many for a feature",
            "--set data.options.features=NAME,NAME takes only the columns you name",
        )
    return words


def _tenths(numbers: pl.Series) -> pl.Series:
    """Ten groups of about equal size, named by their bounds."""
    cuts = [numbers.quantile(tenth / BINS) for tenth in range(1, BINS)]
    bounds = sorted({float(cut) for cut in cuts if cut is not None})
    between = [f"{low:g} to {high:g}" for low, high in pairwise(bounds)]
    return bands(numbers, bounds, [f"below {bounds[0]:g}", *between, f"{bounds[-1]:g} and up"])


SOURCES = (
    Source(
        "file",
        "any CSV, TSV, Parquet or JSON lines file, by --from FILE --map user=..,item=..",
        "not stated",
        load,
        settings=TableSettings,
    ),
)

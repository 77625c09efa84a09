"""The Netflix Prize (Bennett & Lanning 2007): `MovieID:` lines, each followed by its ratings.

Both shapes are read: the four `combined_data_*.txt`, and the original `mv_*.txt`, one a film.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from cinesync.sources.delimited import read_bytes
from cinesync.sources.features import decades
from cinesync.sources.frames import loaded
from cinesync.sources.source import Loaded, Request, Source
from reccore.errors import UserError

BLOCK = 1 << 28  # bytes parsed at a time
HEADER = b"user,value,timestamp\n"
PATTERNS = ("combined_data_*.txt", "mv_*.txt", "training_set/mv_*.txt")


def load(request: Request) -> Loaded:
    """Every rating file of the folder, with titles where `movie_titles.csv` is beside them."""
    found = (sorted(request.path.glob(pattern)) for pattern in PATTERNS)
    files = next((paths for paths in found if paths), [])
    if not files:
        raise UserError(
            f"{request.name}: no {' or '.join(PATTERNS[:2])} in {request.path}",
            "give the folder that holds them with --from",
        )
    rows = pl.concat([_ratings(text, files[0].parent) for text in _blocks(files)])
    titles = request.path / "movie_titles.csv"
    return loaded(request, rows, items=_titles(titles) if titles.is_file() else None)


def _blocks(files: list[Path]) -> Iterator[bytes]:
    held: list[bytes] = []
    for path in files:
        held.append(read_bytes(path).rstrip())
        if sum(map(len, held)) >= BLOCK:
            yield b"\n".join(held)
            held = []
    if held:
        yield b"\n".join(held)


def _ratings(text: bytes, folder: Path) -> pl.DataFrame:
    """Rating lines under the film of the last `MovieID:` line above them."""
    try:
        lines = pl.read_csv(io.BytesIO(HEADER + text), infer_schema=False, quote_char=None)
    except PolarsError as error:
        raise UserError(
            f"the rating files of {folder} are not user,rating,date lines: "
            f"{str(error).splitlines()[0]}",
            "give the files as Netflix published them",
        ) from None
    film = pl.when(pl.col("user").str.ends_with(":")).then(pl.col("user").str.strip_chars_end(":"))
    rows = lines.with_columns(item=film.forward_fill()).filter(~pl.col("user").str.ends_with(":"))
    if rows.height and rows["item"][0] is None:
        raise UserError(
            f"the rating files of {folder} start without a `MovieID:` line",
            "give the files as Netflix published them",
        )
    return rows.with_columns(
        pl.col("user", "item", "value").cast(pl.Int32, strict=False).name.keep(),
        pl.col("timestamp").str.to_date("%Y-%m-%d", strict=False),
    )


def _titles(path: Path) -> pl.DataFrame:
    """`id,year,title`: Latin-1, and titles hold commas of their own."""
    text = read_bytes(path).decode("latin-1").splitlines()
    cells = [line.split(",", 2) for line in text if line.count(",") >= 2]
    years = pl.Series([cell[1] for cell in cells], dtype=pl.String)
    return pl.DataFrame(
        {
            "id": [cell[0] for cell in cells],
            "title": [cell[2] for cell in cells],
            "decade": decades(years.replace("NULL", None)),
        }
    )


SOURCES = (
    Source(
        "netflix",
        "the Netflix Prize: 100,480,507 ratings of 17,770 films by 480,189 people, 1998-2005",
        "Netflix Prize rules: research use, no redistribution",
        load,
        (("combined_data_*.txt",), ("mv_*.txt",), ("training_set/mv_*.txt",)),
    ),
)

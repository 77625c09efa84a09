"""Amazon reviews (McAuley et al. 2014, Ni et al. 2018, Hou et al. 2023): JSON lines or CSV.

The ratings-only CSV files have no header; 2014's name the user first, 2018's the product. A
product id has 10 characters and a reviewer's more, which tells them apart.
"""

import gzip
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from polars.datatypes import DataType, DataTypeClass
from polars.exceptions import PolarsError

from cinesync.sources.delimited import read_delimited
from cinesync.sources.features import categories
from cinesync.sources.frames import loaded
from cinesync.sources.source import Loaded, Request, Source
from reccore.errors import UserError

Types = Mapping[str, DataType | DataTypeClass]
BLOCK = 1 << 26  # bytes of lines parsed at a time: review texts are not kept
NAMES = {
    "user": ("reviewerID", "user_id"),
    "item": ("asin", "parent_asin"),
    "value": ("overall", "rating"),
    "timestamp": ("unixReviewTime", "timestamp"),
}
ASIN = 10


def load(request: Request) -> Loaded:
    """One file of reviews, or a folder that holds just one; `--items` takes the metadata."""
    path = _only_file(request) if request.path.is_dir() else request.path
    rows = _csv(path) if ".csv" in path.suffixes else _reviews(path)
    items = None if request.items is None else _metadata(request.items)
    return loaded(request, rows, items=items, where=str(path))


def _only_file(request: Request) -> Path:
    found = [p for kind in PATTERNS for p in request.path.glob(kind) if not p.match("meta_*")]
    if len(found) != 1:
        names = ", ".join(sorted(path.name for path in found)) or "none"
        raise UserError(
            f"{request.path} holds {len(found)} review files ({names})", "give one with --from FILE"
        )
    return found[0]


def _csv(path: Path) -> pl.DataFrame:
    rows = read_delimited(path, names=("first", "second", "value", "timestamp"), quoted=False)
    if rows.height and rows["value"][0] == "rating":  # 2023: with header, user first
        return rows[1:].rename({"first": "user", "second": "item"})
    product_first = _all_asin(rows["first"]) and not _all_asin(rows["second"])
    names = ("item", "user") if product_first else ("user", "item")
    return rows.rename(dict(zip(("first", "second"), names, strict=True)))


def _all_asin(column: pl.Series) -> bool:
    return bool((column.str.len_chars() == ASIN).all())


def _reviews(path: Path) -> pl.DataFrame:
    text: Types = dict.fromkeys([*NAMES["user"], *NAMES["item"]], pl.String)
    numbers: Types = dict.fromkeys([*NAMES["value"], *NAMES["timestamp"]], pl.Float64)
    found = _json_lines(path, {**text, **numbers})
    return found.select(
        pl.coalesce(found[name] for name in names).alias(role) for role, names in NAMES.items()
    )


def _metadata(path: Path) -> pl.DataFrame:
    """Title, brand and categories of products (2018 and later: earlier files are not JSON)."""
    text: Types = dict.fromkeys(("asin", "parent_asin", "title", "brand"), pl.String)
    words: Types = dict.fromkeys(("category", "categories"), pl.List(pl.String))
    found = _json_lines(path, {**text, **words})
    return pl.DataFrame(
        {
            "id": found.select(pl.coalesce("asin", "parent_asin")).to_series(),
            "title": found["title"],
            "brand": categories(found["brand"]),
            "categories": found.select(pl.coalesce("category", "categories")).to_series(),
        }
    ).unique("id", keep="first", maintain_order=True)


def _json_lines(path: Path, schema: Types) -> pl.DataFrame:
    parts, line = [], 0
    for block in _blocks(path):
        try:
            parts.append(pl.read_ndjson(io.BytesIO(b"".join(block)), schema=dict(schema)))
        except PolarsError as error:
            raise _explained(path, line, block, error) from None
        line += len(block)
    if not parts:
        raise UserError(f"{path} is empty", "give a file with reviews")
    return pl.concat(parts)


def _blocks(path: Path) -> Iterator[list[bytes]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as handle:
            while block := handle.readlines(BLOCK):
                yield block
    except FileNotFoundError:
        raise UserError(f"no such file: {path}", "check the path") from None
    except (OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read: {error}", "check the file") from None


def _explained(path: Path, before: int, block: list[bytes], error: Exception) -> UserError:
    for number, line in enumerate(block, start=before + 1):
        try:
            json.loads(line)
        except ValueError:
            start = line[:40].decode(errors="replace").strip()
            return UserError(
                f"{path}: line {number} is not JSON: {start!r}", "give strict JSON lines"
            )
    return UserError(f"{path}: {str(error).splitlines()[0]}", "give strict JSON lines")


PATTERNS = ("*.json", "*.json.gz", "*.jsonl", "*.jsonl.gz", "*.csv", "*.csv.gz")
SOURCES = (
    Source(
        "amazon",
        "Amazon reviews of any category, 2014, 2018 or 2023 (JSON lines or ratings CSV)",
        "research use; cite Ni et al. 2019",
        load,
    ),
)

"""A file's rows as text, whatever its format: CSV of any delimiter and encoding, JSONL, Parquet."""

import codecs
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from reccore.errors import UserError

MAX_BYTES = 2 << 30
MAX_FIELD = 1 << 20  # letters; longer ones are a quote that never closes
DELIMITERS = (",", ";", "\t", "|")
SAMPLE = 50  # records by which the delimiter is found
BETWEEN = " ; "  # how lists within a record become text
PARQUET_MAGIC = b"PAR1"


@dataclass
class Rows:
    """A file's rows: text columns and `row`, the place of each row in the file, from 1."""

    frame: pl.DataFrame
    how: str  # format, encoding, delimiter
    read: int
    broken: list[tuple[int, str, str]] = field(default_factory=list)  # row, reason, what it says

    @property
    def columns(self) -> list[str]:
        return [name for name in self.frame.columns if name != "row"]


def read_rows(path: Path, columns: Sequence[str] = ()) -> Rows:
    """All rows of a file; `columns` names those of a CSV file without a header line."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UserError(
                f"{path} has {size >> 20} MiB, more than the {MAX_BYTES >> 20} MiB that are read",
                "split it into several files",
            )
        with path.open("rb") as handle:
            start = handle.read(4)
        if start == PARQUET_MAGIC:
            return _parquet(path)
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    text, encoding = decode(content)
    if not text.strip():
        raise UserError(f"{path} is empty", "a catalogue has at least one row")
    if text.lstrip()[:1] in {"{", "["}:
        return _json(path, text, encoding)
    return _csv(path, text, encoding, columns)


def decode(content: bytes) -> tuple[str, str]:
    """Text and encoding: by the file's mark, else UTF-8, else Windows-1252, which fits anything."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), encoding
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace"), "windows-1252"


def find_delimiter(text: str) -> str:
    """The one by which most of the first records have the same number of fields, above one."""
    best, found = 0.0, ","
    for delimiter in DELIMITERS:
        try:
            reader = csv.reader(io.StringIO(text[:MAX_FIELD], newline=""), delimiter=delimiter)
            widths = [
                len(record) for record, _ in zip(reader, range(SAMPLE), strict=False) if record
            ]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count, default=0)
        agreement = widths.count(usual) / max(1, len(widths))
        score = agreement * (1 + min(usual, 30) / 100) if usual > 1 else 0.0
        if score > best:
            best, found = score, delimiter
    return found


def _csv(path: Path, text: str, encoding: str, columns: Sequence[str]) -> Rows:
    delimiter = find_delimiter(text)
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    records: list[list[str]] = []
    try:
        records.extend(record for record in reader if any(cell.strip() for cell in record))
    except csv.Error as error:
        raise UserError(
            f"{path}, near line {reader.line_num}: {error}", "a quote may never be closed there"
        ) from None
    header = list(columns) if columns else [cell.strip() for cell in records.pop(0)]
    check_header(path, header, told=bool(columns))
    width, broken, whole, places = len(header), [], [], []
    for number, record in enumerate(records, start=1):
        if len(record) >= width and not any(cell.strip() for cell in record[width:]):
            whole.append(record[:width])
            places.append(number)
        else:
            relation = "fewer" if len(record) < width else "more"
            broken.append((number, f"{relation} fields than columns", f"{len(record)} fields"))
    cells = list(zip(*whole, strict=True)) if whole else [()] * width
    frame = pl.DataFrame(
        {
            name: pl.Series(list(column), dtype=pl.String)
            for name, column in zip(header, cells, strict=True)
        }
    ).with_columns(row=pl.Series(places, dtype=pl.Int64))
    shown = {"\t": "tab"}.get(delimiter, delimiter)
    return Rows(frame, f"CSV, {encoding}, delimiter {shown}", len(records), broken)


def check_header(path: Path, header: Sequence[str], told: bool) -> None:
    """Refuse a first line that is no header: a column that is named by a price helps nobody."""
    if len(set(header)) < len(header) and told:
        raise UserError("--columns names one twice", "names are unique")
    numbers = sum(cell.replace(".", "", 1).isdigit() for cell in header)
    hashes = sum(len(cell) >= 24 and cell.isalnum() and not cell.isalpha() for cell in header)
    if not told and (numbers + hashes) * 4 >= len(header) and len(header) > 1:
        raise UserError(
            f"{path}: the first line looks like a row, not like a header",
            "name the columns with --columns id,title,price,... or use a --preset",
        )
    if len(set(header)) < len(header):
        twice = next(name for name in header if list(header).count(name) > 1)
        raise UserError(f"{path}: the column {twice!r} is there twice", "rename one of them")


def _json(path: Path, text: str, encoding: str) -> Rows:
    broken: list[tuple[int, str, str]] = []
    records: list[tuple[int, dict[str, Any]]] = []
    whole = text.lstrip().startswith("[")
    try:
        lines: list[Any] = json.loads(text) if whole else text.splitlines()
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not readable JSON: {error}") from None
    read = 0
    for line in lines:
        if not whole and not line.strip():
            continue
        read += 1
        try:
            entry = line if whole else json.loads(line)
        except (ValueError, RecursionError):
            broken.append((read, "no JSON", line))
            continue
        if isinstance(entry, dict):
            records.append((read, entry))
        else:
            broken.append((read, "no JSON object", str(entry)))
    names = list(dict.fromkeys(name for _, entry in records for name in entry))
    if not names:
        raise UserError(f"{path} has no JSON objects", "a line an object, or a list of objects")
    frame = pl.DataFrame(
        {n: pl.Series([_as_text(e.get(n)) for _, e in records], dtype=pl.String) for n in names}
    ).with_columns(row=pl.Series([row for row, _ in records], dtype=pl.Int64))
    return Rows(frame, f"JSON, {encoding}" if whole else f"JSONL, {encoding}", read, broken)


def _as_text(value: Any) -> str | None:
    """A JSON value as a file of text would have it; lists of records stay JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(part, dict | list) for part in value):
        return BETWEEN.join(str(part) for part in value)
    return json.dumps(value, ensure_ascii=False)


def _parquet(path: Path) -> Rows:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{path} is not readable Parquet: {str(error).splitlines()[0]}") from None
    columns = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.List):
            columns.append(pl.col(name).cast(pl.List(pl.String)).list.join(BETWEEN))
        elif kind.is_nested():
            continue
        else:
            columns.append(pl.col(name).cast(pl.String))
    rows = frame.select(columns).with_columns(row=pl.int_range(1, frame.height + 1, dtype=pl.Int64))
    if not frame.height:
        raise UserError(f"{path} is empty", "a catalogue has at least one row")
    return Rows(rows, "Parquet", frame.height)

"""Text files with separated columns, read fast when they are right and explained when not."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from polars.datatypes import DataTypeClass
from polars.exceptions import NoDataError, PolarsError

from reccore.errors import UserError

Types = Mapping[str, DataTypeClass]


def read_bytes(path: Path) -> bytes:
    """A file's bytes, unpacked where it ends in .gz."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"no such file: {path}", "check the path") from None
    except (OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read: {error}", "check the file") from None


def first_line(path: Path) -> str:
    """Enough of a file to tell what separates its columns."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as handle:
        return handle.readline().decode(errors="replace")


def read_delimited(
    path: Path,
    separator: str = ",",
    *,
    names: Sequence[str] | None = None,
    types: Types | None = None,
    quoted: bool = True,
    maybe_latin1: bool = False,
) -> pl.DataFrame:
    """A table of text: `names` are those of a file without header, `types` those expected.

    Other columns are text. A file that does not hold the expected types is read again as text,
    so that the checks of its columns can name the row.
    """
    plain = path.is_file() and path.suffix != ".gz" and len(separator) == 1 and not maybe_latin1
    content: Path | bytes = path if plain else read_bytes(path)
    if isinstance(content, bytes) and maybe_latin1:
        content = _as_utf8(content)
    if isinstance(content, bytes) and len(separator) > 1:  # polars separates by one byte
        content, separator = content.replace(separator.encode(), b"\t"), "\t"
    for expected in (types, None):
        try:
            return _parse(content, separator, names, expected, quoted)
        except NoDataError:
            raise UserError(f"{path} is empty", "give a file with rows") from None
        except PolarsError as error:
            reason = str(error).splitlines()[0]
    raise UserError(
        f"{path} is not a table separated by {separator!r}: {reason}", "correct the file"
    )


def _as_utf8(content: bytes) -> bytes:
    try:
        content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1").encode()
    return content


def _parse(
    content: Path | bytes,
    separator: str,
    names: Sequence[str] | None,
    types: Types | None,
    quoted: bool,
) -> pl.DataFrame:
    schema = None
    if names is not None:
        schema = {name: (types or {}).get(name, pl.String) for name in names}
    return pl.read_csv(
        content,
        separator=separator,
        has_header=names is None,
        schema=schema,
        schema_overrides=None if names is not None else types,
        infer_schema=False,
        quote_char='"' if quoted else None,
    )

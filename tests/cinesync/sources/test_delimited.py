"""Text tables: separators, encodings, compression, and files that are no tables."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from cinesync.sources.delimited import first_line, read_bytes, read_delimited
from reccore.errors import UserError


def test_two_byte_separators_and_latin1(tmp_path: Path) -> None:
    path = tmp_path / "movies.dat"
    path.write_bytes("1::Misérables, Les: part 1 (1995)::Drama\n".encode("latin-1"))
    found = read_delimited(
        path, "::", names=["id", "title", "genres"], quoted=False, maybe_latin1=True
    )
    assert found.rows() == [("1", "Misérables, Les: part 1 (1995)", "Drama")]


def test_types_where_they_fit_and_text_where_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    types = {"a": pl.Int64, "b": pl.Int64}
    assert read_delimited(path, types=types).dtypes == [pl.Int64, pl.Int64]
    path.write_text("a,b\n1,two\n")
    assert read_delimited(path, types=types).rows() == [("1", "two")]


def test_gzip_keeps_quoted_separators(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b'a,b\n"x, y",2\n'))
    assert read_delimited(path).rows() == [("x, y", "2")]
    assert first_line(path) == "a,b\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "is empty"),
        ("ragged.csv", b"a,b\n1,2,3\n", "is not a table separated by ','"),
        ("broken.csv.gz", b"no gzip", "cannot be read"),
    ],
)
def test_no_tables(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_delimited(tmp_path / name)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_bytes(tmp_path / "absent")

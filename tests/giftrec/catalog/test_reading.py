"""Files of any format, encoding and delimiter become rows of text; nothing is lost on the way."""

import csv
import io
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giftrec.catalog.sources.reading import find_delimiter, read_rows
from reccore.errors import UserError

ROWS = [["id", "title", "price"], ["1", "Café, small", "3,50"], ["2", 'The "big" one', "12;00"]]


def written(rows: list[list[str]], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_of_any_kind(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "gifts.csv"
    path.write_bytes(written(ROWS, delimiter).encode(encoding))
    found = read_rows(path)
    assert found.columns == ROWS[0]
    assert [list(row) for row in found.frame.select(ROWS[0]).rows()] == ROWS[1:]
    assert found.read == 2


cell = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=6))
def test_what_csv_wrote_is_read(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    path = tmp_path / "some.csv"
    path.write_text(written([["a", "b", "c"], *map(list, rows)], ","), encoding="utf-8", newline="")
    found = read_rows(path)
    wanted = [row for row in rows if any(part.strip() for part in row)]
    assert found.frame.select("a", "b", "c").rows() == wanted
    assert found.read == len(wanted)


def test_rows_of_another_width_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title\n1,a\n2\n3,c,extra\n4,d,\n\n5,e\n")
    found = read_rows(path)
    assert found.frame["id"].to_list() == ["1", "4", "5"]
    assert found.frame["row"].to_list() == [1, 4, 5]
    assert found.read == 5
    assert [(row, reason) for row, reason, _ in found.broken] == [
        (2, "fewer fields than columns"),
        (3, "more fields than columns"),
    ]


def test_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("eac7efa5dbd3d667f26eb3d3ab504464,Train,12.50\n")
    with pytest.raises(UserError, match=r"looks like a row.*--columns"):
        read_rows(path)
    found = read_rows(path, ["id", "title", "price"])
    assert found.frame.row(0)[:3] == ("eac7efa5dbd3d667f26eb3d3ab504464", "Train", "12.50")
    with pytest.raises(UserError, match="names one twice"):
        read_rows(path, ["id", "id", "price"])


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,title,title\n1,a,b\n")
    with pytest.raises(UserError, match="'title' is there twice"):
        read_rows(path)


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        json.dumps({"id": 1, "title": "Café", "hobbies": ["music", "film"], "price": 2.5}),
        "{broken",
        "",
        '["no object"]',
        json.dumps({"id": 2, "reviews": [{"stars": 5, "text": "good"}], "price": None}),
    ]
    path.write_text("\n".join(lines))
    found = read_rows(path)
    assert found.read == 4
    assert [reason for _, reason, _ in found.broken] == ["no JSON", "no JSON object"]
    first, second = found.frame.to_dicts()
    assert first["hobbies"] == "music ; film"
    assert (first["id"], first["price"]) == ("1", "2.5")
    assert json.loads(second["reviews"]) == [{"stars": 5, "text": "good"}]
    assert (second["row"], second["price"]) == (4, None)
    path.write_text(json.dumps([{"id": 3}, {"id": 4}]))
    assert read_rows(path).frame["id"].to_list() == ["3", "4"]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"id": [1, 2], "price": [2.5, None], "hobbies": [["a", "b"], []]}).write_parquet(
        path
    )
    found = read_rows(path)
    assert found.frame["id"].to_list() == ["1", "2"]
    assert found.frame["price"].to_list() == ["2.5", None]
    assert found.frame["hobbies"].to_list() == ["a ; b", ""]
    assert found.frame["row"].to_list() == [1, 2]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_rows(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="cannot be read"):
        read_rows(tmp_path)
    contents = {
        "empty.csv": (b"", "is empty"),
        "spaces.csv": (b" \n \n", "is empty"),
        "broken.json": (b'[{"a": 1}', "not readable JSON"),
        "none.jsonl": (b"[1]", "no JSON objects"),
        "half.parquet": (b"PAR1 and no more", "not readable Parquet"),
        "quote.csv": (b'id,title\n1,"' + b"x" * (1 << 20) + b"xx\n", "quote may never be closed"),
    }
    for name, (content, problem) in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=problem):
            read_rows(path)


def test_a_comma_in_prices_is_no_delimiter() -> None:
    assert find_delimiter("id;price\n1;3,50\n2;4,50\n3;10\n") == ";"
    assert find_delimiter("id\n1\n2\n") == ","

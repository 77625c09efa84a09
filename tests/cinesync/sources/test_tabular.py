"""Any file: formats agree, items bring features, and bad files are explained."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from cinesync.sources import load
from cinesync.sources.tabular import read_items
from reccore.errors import UserError

FRAME = pl.DataFrame({"uid": [7, 7, 9], "film": ["a", "b", "a"], "stars": [4.5, 3.0, 1.0]})
MAP = {"user": "uid", "item": "film", "value": "stars"}


def write(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".parquet"):
        FRAME.write_parquet(path)
    elif name.endswith((".jsonl", ".json")):
        FRAME.write_ndjson(path)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress(FRAME.write_csv().encode()))
    else:
        FRAME.write_csv(path, separator="\t" if name.endswith(".tsv") else ";")
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "a.parquet", "a.jsonl", "a.json"])
def test_formats_agree(tmp_path: Path, name: str) -> None:
    data = load(None, write(tmp_path, name), MAP).dataset
    first = load("file", write(tmp_path, "b.parquet"), MAP).dataset
    assert data.name == "a"
    assert data.interactions.fingerprint == first.interactions.fingerprint
    assert data.users.ids.ids.to_list() == [7, 9]


def test_items_bring_titles_and_features(tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text("film,title,genres,year,noise\na,Alpha,Drama|War,1994,x\nc,Gamma,War,2001,y\n")
    data = load("file", write(tmp_path, "a.csv"), MAP, items=items).dataset
    assert data.items.titles == ("Alpha", "b")
    assert data.items.features["genres"].vocabulary == ("Drama", "War")
    assert data.items.features["year"].vocabulary == ("1994",)
    chosen = load(
        "file", write(tmp_path, "a.csv"), MAP, items=items, options={"features": "genres"}
    ).dataset
    assert set(chosen.items.features) == {"genres"}


def test_numbers_become_tenths_and_lists_stay(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame(
        {"id": range(200), "price": [n / 7 for n in range(200)], "tags": [["x", "y"]] * 200}
    ).write_parquet(path)
    found = read_items(path, "item", None)
    assert found["price"].list.first().n_unique() == 10
    assert found["tags"].to_list()[0] == ["x", "y"]


def test_bad_items(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("key,title\n1,x\n")
    with pytest.raises(UserError, match="no column 'film', item or id"):
        read_items(path, "film", None)
    path.write_text("id,genres\n1,x\n")
    with pytest.raises(UserError, match="no feature 'genre'"):
        read_items(path, "film", ["genre"])
    path.write_text("id,plot\n" + "".join(f"{n},a story of {n}\n" for n in range(300)))
    with pytest.raises(UserError, match="300 different words"):
        read_items(path, "film", None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"not parquet", "is not a parquet file"),
        ("a.jsonl", b"nope\n", "is not a jsonl file"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"user,item\n", "holds no rows"),
        ("a.csv", b"user,item,value\n1,2,nan\n", "nan' in row 1 is not finite"),
        ("a.csv", b"user,item,value\n1,2,x\n", "column 'value' of .*'x' in row 1 is not a number"),
        ("a.csv", b"user,item\n1,\n", "column 'item' of .*row 1 is empty"),
        ("a.csv", b"1,2\n1,3\n", "no column 'user' for user .it has: 1, 2"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load(None, tmp_path / name)


def test_duplicates_option(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user,item,value,timestamp\n1,2,3,20\n1,2,5,10\n")
    with pytest.raises(UserError, match="repeat an earlier"):
        load(None, path)
    rows = load(None, path, options={"duplicates": "last"}).dataset.interactions
    assert rows.values is not None
    assert rows.values.tolist() == [3.0]

"""The Netflix Prize in both its shapes."""

from pathlib import Path

import pytest

from cinesync.sources import load
from reccore.errors import UserError

FIRST = "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n"
SECOND = "2:\n822109,4,2005-09-05\n"
TITLES = "1,2003,Dinosaur Planet\n2,NULL,Isle, of Man été\n".encode("latin-1")


def write(folder: Path, shape: str) -> None:
    if shape == "combined":
        (folder / "combined_data_1.txt").write_text(FIRST + SECOND)
    elif shape == "two files":
        (folder / "combined_data_1.txt").write_text(FIRST)
        (folder / "combined_data_2.txt").write_text(SECOND)
    else:
        inner = folder / "training_set"
        inner.mkdir()
        (inner / "mv_0000001.txt").write_text(FIRST)
        (inner / "mv_0000002.txt").write_text(SECOND.rstrip())
    (folder / "movie_titles.csv").write_bytes(TITLES)


@pytest.mark.parametrize("shape", ["combined", "two files", "original"])
def test_shapes_agree(tmp_path: Path, shape: str) -> None:
    write(tmp_path, shape)
    data = load(None, tmp_path).dataset
    assert data.name == "netflix"
    rows = data.interactions
    assert rows.user_ids.decode(rows.users).to_list() == [1488844, 822109, 822109]
    assert rows.item_ids.decode(rows.items).to_list() == [1, 1, 2]
    assert rows.values is not None
    assert rows.timestamps is not None
    assert rows.values.tolist() == [3, 5, 4]
    assert rows.timestamps.tolist()[0] == 1_125_964_800
    assert data.items.titles == ("Dinosaur Planet", "Isle, of Man été")
    assert data.items.features["decade"].multi_hot().tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1488844,3,2005-09-06\n", "without a `MovieID:` line"),
        ("1:\n5,3,2005-09-06,x\n", "not user,rating,date lines"),
        ("1:\n5,3,yesterday\n", "column 'timestamp'.*row 1 is empty"),
        ("1:\n5,good,2005-09-06\n", "column 'value'.*row 1 is empty"),
        ("1:\n", "holds no rows"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "combined_data_1.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        load("netflix", tmp_path)


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no combined_data"):
        load("netflix", tmp_path)

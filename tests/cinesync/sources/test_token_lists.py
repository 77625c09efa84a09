"""`user item item ...` lines: sequences, adjacency lists, and what is wrong with some."""

from pathlib import Path

import pytest

from cinesync.sources import load
from cinesync.sources.token_lists import read_token_lists
from reccore.data.split import SplitSettings, split
from reccore.errors import UserError


def test_lines_become_rows(tmp_path: Path) -> None:
    path = tmp_path / "Toys.txt"
    path.write_text("1 5  6\t5 \n\n2\n3 7\n")
    assert read_token_lists(path).rows() == [
        ("1", "5", 0),
        ("1", "6", 1),
        ("1", "5", 2),
        ("3", "7", 0),
    ]
    data = load("sequences", path).dataset
    assert data.name == "Toys"
    rows = data.interactions
    assert rows.item_ids.decode(rows.histories.row(0)).to_list() == [5, 6, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("\n \n", "is empty"), ("1 2\n1 3\n", "user '1' has more than one line")],
)
def test_bad_lines(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        load("sequences", path)


def test_a_folder_is_no_sequence_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        load("sequences", tmp_path)


def test_adjacency_lists_bring_their_split(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 1 2\n1 3 4\n")
    (tmp_path / "test.txt").write_text("0 3\n1 2\n")
    data = load(None, tmp_path)
    assert data.given is not None
    assert (len(data.given.train), data.given.validation, len(data.given.test)) == (4, None, 2)
    assert data.given.train.item_ids is data.dataset.items.ids
    (tmp_path / "valid.txt").write_text("0 4\n1\n")
    data = load("gowalla", tmp_path)
    assert data.given is not None
    assert data.given.validation is not None
    assert len(data.given.validation) == 1
    report = split(data.dataset.interactions, SplitSettings(kind="given"), data.given).report()
    assert (report.train_rows, report.validation_rows, report.test_rows) == (4, 1, 2)


def test_adjacency_lists_that_leak_or_lack(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 1 2\n")
    with pytest.raises(UserError, match=r"no test\.txt"):
        load("adjacency", tmp_path)
    (tmp_path / "test.txt").write_text("0 2\n")
    with pytest.raises(UserError, match="repeat an earlier user and item"):
        load("adjacency", tmp_path)


def test_real_counts(real_data: Path) -> None:
    data = load("gowalla", real_data / "gowalla")
    found = data.dataset
    assert (len(found.interactions), len(found.users), len(found.items)) == (
        1_027_370,
        29_858,
        40_981,
    )
    assert data.given is not None
    assert data.given.validation is not None
    assert len(data.given.train) + len(data.given.validation) == 810_128
    folder = real_data / "amazon-sequences"
    for name, counts in {
        "Sports_and_Outdoors": (296_337, 35_598, 18_357),
        "Toys_and_Games": (167_597, 19_412, 11_924),
    }.items():
        found = load("sequences", folder / f"{name}.txt").dataset
        assert (len(found.interactions), len(found.users), len(found.items)) == counts

from pathlib import Path

import pytest

from reccore.errors import UserError
from reccore.serve.cache.tombstones import Tombstones


def test_numbers_rise_and_other_processes_see_them(tmp_path: Path) -> None:
    one, other = Tombstones(tmp_path / "lists"), Tombstones(tmp_path / "lists")
    assert one.last() == one.number("ann") == 0
    one.add("ann")
    other.add("bob")
    one.add("ann")
    assert (other.number("ann"), other.number("bob"), other.number("cid")) == (3, 2, 0)
    assert Tombstones(tmp_path / "lists").last() == 3


def test_dropping_keeps_the_later_ones_and_the_count(tmp_path: Path) -> None:
    stones = Tombstones(tmp_path / "lists")
    for person in ("ann", "bob", "cid"):
        stones.add(person)
    with stones.locked():
        stones.drop(2)
    assert (stones.number("ann"), stones.number("cid"), stones.last()) == (0, 3, 3)
    with stones.locked():
        stones.drop(3)
    assert stones.last() == 3
    stones.add("dan")
    assert stones.number("dan") == 4
    with pytest.raises(UserError, match="begin again"):
        stones.check(2)
    stones.check(3)
    with pytest.raises(UserError, match="begin again"):
        stones.check(5)


def test_a_line_cut_off_by_a_crash_is_cut_away(tmp_path: Path) -> None:
    stones = Tombstones(tmp_path / "lists")
    stones.add("ann")
    with stones.path.open("ab") as file:
        file.write(b"2 bo")
    fresh = Tombstones(tmp_path / "lists")
    assert fresh.number("bo") == 0
    fresh.add("cid")
    assert stones.path.read_text() == "0\n1 ann\n2 cid\n"


def test_a_damaged_file_is_no_empty_file(tmp_path: Path) -> None:
    stones = Tombstones(tmp_path / "lists")
    stones.path.write_text("0\nrubbish\n")
    with pytest.raises(UserError, match="damaged"):
        stones.number("ann")

"""Anime: the TV side."""

from pathlib import Path

import pytest

from cinesync.sources import load
from reccore.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "anime_ratings.dat").write_text("User_ID\tAnime_ID\tFeedback\n1\t7\t8\n2\t9\t10\n")
    (tmp_path / "anime_info.dat").write_text(
        "anime_ids\tname\tgenre\ttype\tepisodes\trating\tmembers\n"
        "7\tKimi no Na wa.\tDrama, Romance\tMovie\t1\t9.37\t200630\n"
        "9\tGintama&#039;\tComedy\tTV\t51\t9.16\t151266\n"
        "8\tNobody's\t\tTV\t1\t1.0\t1\n"
    )
    return tmp_path


def test_types_are_features(folder: Path) -> None:
    data = load(None, folder).dataset
    assert data.name == "anime"
    assert data.items.titles == ("Kimi no Na wa.", "Gintama'")
    assert data.items.features["content_type"].vocabulary == ("Movie", "TV")
    assert data.items.features["genres"].vocabulary == ("Comedy", "Drama", "Romance")
    assert data.interactions.timestamps is None


def test_one_type_only(folder: Path) -> None:
    data = load("anime", folder, options={"content_type": "TV"}).dataset
    assert data.items.titles == ("Gintama'",)
    with pytest.raises(UserError, match="content_type='OVA'"):
        load("anime", folder, options={"content_type": "OVA"})


def test_real_counts(real_data: Path) -> None:
    data = load("anime", real_data / "anime").dataset
    assert (len(data.interactions), len(data.users), len(data.items)) == (419_943, 4_714, 7_157)
    series = load("anime", real_data / "anime", options={"content_type": "TV"}).dataset
    assert len(series.items) == 2_487  # of 2,542 in the catalogue somebody rated

"""MovieLens: small files in every layout, and the real counts."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cinesync.sources import load
from cinesync.sources.source import Loaded
from reccore.data.dataset import Bags
from reccore.data.split import SplitSettings, split
from reccore.errors import UserError


def words(bags: Bags, row: int) -> set[str]:
    return {bags.vocabulary[code] for code in bags.words[bags.offsets[row] : bags.offsets[row + 1]]}


def sizes(data: Loaded) -> tuple[int, int, int]:
    return len(data.dataset.interactions), len(data.dataset.users), len(data.dataset.items)


@pytest.fixture
def ml_1m(tmp_path: Path) -> Path:
    ratings = "1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n"
    (tmp_path / "ratings.dat").write_text(ratings)
    (tmp_path / "movies.dat").write_bytes(
        "661::James and the Giant Peach (1996)::Animation|Children's|Musical\n"
        "1193::One Flew Over the Cuckoo's Nest (1975)::Drama\n"
        "73::Misérables, Les (1995)::Drama|Musical\n".encode("latin-1")
    )
    (tmp_path / "users.dat").write_text("1::F::1::10::48067\n2::M::56::16::70072\n")
    return tmp_path


def test_official_ml_1m(ml_1m: Path) -> None:
    data = load("ml-1m", ml_1m).dataset
    rows = data.interactions
    assert rows.user_ids.decode(rows.users).to_list() == [1, 1, 2]
    assert rows.item_ids.decode(rows.items).to_list() == [1193, 661, 1193]
    assert rows.values is not None
    assert rows.timestamps is not None
    assert rows.values.tolist() == [5, 3, 4]
    assert rows.timestamps.tolist() == [978300760, 978302109, 978298413]
    assert rows.order is None
    assert data.items.titles == (
        "James and the Giant Peach (1996)",
        "One Flew Over the Cuckoo's Nest (1975)",
    )
    assert words(data.items.features["genres"], 0) == {"Animation", "Children's", "Musical"}
    assert words(data.items.features["decade"], 1) == {"1970s"}
    assert words(data.users.features["age"], 0) == {"under 18"}
    assert words(data.users.features["age"], 1) == {"56 and over"}
    assert words(data.users.features["gender"], 1) == {"M"}


def test_official_wins_over_rebuilt(ml_1m: Path) -> None:
    official = load("ml-1m", ml_1m).dataset.interactions.fingerprint
    rebuilt = pl.DataFrame(
        {
            "user_id": [1, 1],
            "position": [0, 1],
            "movie_id": [661, 1193],
            "rating_lo": [1, 5],
            "rating_hi": [2, 5],
            "ts_lo": [10, 10],
            "ts_hi": [12, 10],
        }
    )
    rebuilt.write_parquet(ml_1m / "interactions.parquet")
    assert load("ml-1m", ml_1m).dataset.interactions.fingerprint == official
    (ml_1m / "ratings.dat").unlink()
    rows = load(None, ml_1m).dataset.interactions  # the layout is recognised as well
    assert rows.values is not None
    assert rows.values.tolist() == [2, 5]
    assert rows.histories.row(0).tolist() == [0, 1]


def test_ml_10m_has_no_users_and_half_stars(ml_1m: Path) -> None:
    (ml_1m / "users.dat").unlink()
    (ml_1m / "ratings.dat").write_text("1::661::3.5::978302109\n")
    data = load(None, ml_1m).dataset
    assert data.name == "ml-10m"
    assert data.interactions.values is not None
    assert data.interactions.values.tolist() == [3.5]
    assert data.users.features == {}


def test_a_wrong_row_is_named(ml_1m: Path) -> None:
    (ml_1m / "ratings.dat").write_text("1::661::3::978302109\n1::1193::five::978302109\n")
    with pytest.raises(UserError, match=r"ratings\.dat: 'five' in row 2 is not a number"):
        load("ml-1m", ml_1m)
    (ml_1m / "ratings.dat").write_text("")
    with pytest.raises(UserError, match=r"ratings\.dat holds no rows"):
        load("ml-1m", ml_1m)


def test_a_foreign_side_file_is_explained(ml_1m: Path, tmp_path: Path) -> None:
    (ml_1m / "movies.dat").write_text("661::Title::Drama::more\n")
    with pytest.raises(UserError, match=r"movies\.dat is not a table separated"):
        load("ml-1m", ml_1m)
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,2,3,4\n")
    (tmp_path / "movies.csv").write_text("film,genres\n2,Drama\n")
    with pytest.raises(UserError, match=r"not laid out as ml-25m wants.*movieId"):
        load("ml-25m", tmp_path)


@pytest.fixture
def ml_100k(tmp_path: Path) -> Path:
    (tmp_path / "u.data").write_text("1\t2\t3\t881250949\n1\t1\t5\t881250950\n2\t2\t4\t88\n")
    (tmp_path / "u9.base").write_text("")
    (tmp_path / "u1.base").write_text("1\t2\t3\t881250949\n2\t2\t4\t88\n")
    (tmp_path / "u1.test").write_text("1\t1\t5\t881250950\n")
    (tmp_path / "u.genre").write_text("unknown|0\nAction|1\nDrama|2\n\n")
    (tmp_path / "u.item").write_bytes(
        '1|Les "Misérables" (1995)|01-Jan-1995||http://x|0|1|1\n2|unknown||||1|0|0\n'.encode(
            "latin-1"
        )
    )
    (tmp_path / "u.user").write_text("1|24|M|technician|85711\n2|56|F|other|94043\n")
    return tmp_path


def test_ml_100k(ml_100k: Path) -> None:
    data = load(None, ml_100k).dataset
    assert data.name == "ml-100k"
    assert data.items.titles == ('Les "Misérables" (1995)', "unknown")
    assert words(data.items.features["genres"], 0) == {"Action", "Drama"}
    assert words(data.items.features["genres"], 1) == set()
    assert words(data.users.features["age"], 0) == {"18-24"}
    assert words(data.users.features["age"], 1) == {"56 and over"}
    assert words(data.users.features["occupation"], 0) == {"technician"}


def test_folds(ml_100k: Path) -> None:
    data = load("ml-100k", ml_100k, options={"fold": "u1"})
    assert data.given is not None
    assert (len(data.given.train), data.given.validation, len(data.given.test)) == (2, None, 1)
    with pytest.raises(UserError, match=r"no u2\.base"):
        load("ml-100k", ml_100k, options={"fold": "u2"})
    with pytest.raises(UserError, match="fold='u9'"):
        load("ml-100k", ml_100k, options={"fold": "u9"})
    with pytest.raises(UserError, match=r"unknown setting folds.*did you mean fold"):
        load("ml-100k", ml_100k, options={"folds": "u1"})


def test_csv_layout(tmp_path: Path) -> None:
    folder = tmp_path / "ml-25m"
    folder.mkdir()
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,296,5.0,1147880044\n")
    (folder / "movies.csv").write_text(
        'movieId,title,genres\n296,"Pulp, Fiction (1994)",Comedy|Crime\n1,Old,(no genres listed)\n'
    )
    data = load(None, folder).dataset
    assert data.name == "ml-25m"
    assert data.items.titles == ("Pulp, Fiction (1994)",)
    assert words(data.items.features["genres"], 0) == {"Comedy", "Crime"}
    assert sizes(load("ml-32m", folder)) == (1, 1, 1)


def test_real_counts(real_data: Path) -> None:
    assert sizes(load("ml-100k", real_data / "ml-100k")) == (100_000, 943, 1_682)
    assert sizes(load("ml-latest-small", real_data / "ml-latest-small")) == (100_836, 610, 9_724)
    fold = load("ml-100k", real_data / "ml-100k", options={"fold": "u1"})
    assert fold.given is not None
    assert (len(fold.given.train), len(fold.given.test)) == (80_000, 20_000)
    report = split(fold.dataset.interactions, SplitSettings(kind="given"), fold.given).report()
    assert report.leak_rate == 0


def test_real_ml_1m_keeps_the_published_order(real_data: Path) -> None:
    data = load("ml-1m", real_data / "ml-1m")
    assert sizes(data) == (1_000_209, 6_040, 3_706)
    rows = data.dataset.interactions
    assert np.array_equal(rows.by_user, np.arange(len(rows)))  # the file is in that order
    assert all(len(one.vocabulary) > 1 for one in data.dataset.users.features.values())


def test_real_sequences_5core(real_data: Path) -> None:
    data = load(
        "file",
        real_data / "ml-1m" / "sequences-5core.parquet",
        {"user": "user_id", "item": "movie_id", "order": "position"},
    )
    assert sizes(data) == (999_611, 6_040, 3_416)

"""The cookie: whatever is written is read, whatever a browser sends is survived."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinesync.web.ratings import MOST, ROOM, Ratings

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
LEGAL = set("!#$%&'*+-.^_`|~") | set(map(chr, range(48, 58))) | set(map(chr, range(97, 123)))


@given(st.dictionaries(IDS, st.integers(1, 5), max_size=20))
def test_what_is_written_is_read_in_order(stars: dict[str, int]) -> None:
    text = Ratings(stars).text()
    assert list(Ratings.parse(text).stars.items()) == list(stars.items())
    assert set(text.lower()) <= LEGAL


@given(st.one_of(st.text(), st.text("1!2%3~ab.").map("1!".__add__)))
def test_garbage_is_left_out(text: str) -> None:
    found = Ratings.parse(text)
    assert len(found) <= MOST
    assert all(stars in range(1, 6) and 0 < len(item) <= 128 for item, stars in found.stars.items())
    assert Ratings.parse(found.text()).stars == found.stars


@pytest.mark.parametrize(
    "text", ["", "2!5a", "1", "1!", "1!0a", "1!6a", "1!5", "1!5%ff", "1!5" + "a" * 129]
)
def test_what_is_no_rating(text: str) -> None:
    assert Ratings.parse(text).stars == {}


def test_one_bad_entry_spares_the_others() -> None:
    assert Ratings.parse("1!5a!%%!9b!4c!3a").stars == {"c": 4, "a": 3}


@given(st.lists(st.tuples(IDS, st.integers(1, 5)), max_size=250))
def test_the_latest_are_kept_as_far_as_there_is_room(rows: list[tuple[str, int]]) -> None:
    ratings = Ratings()
    for item, stars in rows:
        ratings = ratings.rated(item, stars)
    text = ratings.text()
    assert len(text) <= ROOM + 1
    kept = list(Ratings.parse(text).stars.items())
    assert kept == list(ratings.stars.items())[len(ratings) - len(kept) :]
    assert len(kept) == min(len(ratings), MOST) or len(text) > ROOM - 3 * 4 * 40 - 2


def test_who_has_rated_much_is_told() -> None:
    ratings = Ratings()
    for n in range(MOST - 1):
        ratings = ratings.rated(f"i{n}", 4)
        assert not ratings.full
    assert ratings.rated("one more", 4).full
    long = Ratings({f"{n}é" + "é" * 100: 5 for n in range(5)})
    assert long.full
    assert len(Ratings.parse(long.rated("x" * 128, 5).text())) >= 5


def test_rating_again_moves_to_the_end_and_zero_takes_back() -> None:
    ratings = Ratings().rated("a", 5).rated("b", 2).rated("a", 3)
    assert list(ratings.stars.items()) == [("b", 2), ("a", 3)]
    assert ratings.liked == ["a"]
    assert ratings.rated("a", 0).stars == {"b": 2}
    assert ratings.among({"b", "zz"}).stars == {"b": 2}

"""The wish of an address: whatever is written is read, whatever an address says is survived."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftrec.money import Money
from giftrec.vocabulary import default_vocabulary
from giftrec.web.asked import Asked
from giftrec.web.fields import MOST_AWAY, plain, read_query

WORDS = default_vocabulary()
TODAY = date(2026, 11, 21)
MONEY = ("EUR", "JPY", "USD")
NAMES = "who age occasion hobby taste likes budget least cur by not has away like up down heard"


def asked(*pairs: tuple[str, str]) -> Asked:
    return Asked.of(pairs, WORDS, MONEY, TODAY)


FREE = st.from_regex(r"[a-zé<'\"&]{1,12}( [a-z]{1,9})?", fullmatch=True)
GIFTS = st.from_regex(r"[a-z/?%&=+-]{1,20}", fullmatch=True)


@st.composite
def wishes(draw: st.DrawFn) -> Asked:
    """Whatever the page itself may write into an address."""
    hobbies = draw(st.sets(st.sampled_from(WORDS.levels("hobby"))))
    tastes = draw(st.sets(st.sampled_from(WORDS.levels("preference"))))
    minor, currency = draw(st.none() | st.integers(1, 10**8)), draw(st.sampled_from(MONEY))
    days = draw(st.none() | st.integers(0, 365))
    return Asked(
        who=draw(st.sampled_from(["", *WORDS.levels("relationship")])),
        age=draw(st.none() | st.integers(1, 120)),
        occasion=draw(st.sampled_from(["", *WORDS.levels("occasion")])),
        hobbies=tuple(word for word in WORDS.levels("hobby") if word in hobbies)[:20],
        preferences=tuple(word for word in WORDS.levels("preference") if word in tastes)[:20],
        likes=tuple(draw(st.lists(FREE, unique=True, max_size=5))),
        budget=Money(minor=minor, currency=currency) if minor else None,
        currency=currency if minor else "EUR",
        by=None if days is None else TODAY + timedelta(days=days),
        away=draw(st.dictionaries(GIFTS, st.sampled_from("sno"), max_size=5)),
        like=draw(st.just("") | GIFTS),
        up=tuple(draw(st.lists(GIFTS, unique=True, max_size=3))),
    )


@given(wishes())
def test_what_is_written_is_read(wish: Asked) -> None:
    read = Asked.of(read_query(wish.query), WORDS, MONEY, TODAY)
    assert read == wish


@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES.split()) | st.text(max_size=5), st.text(max_size=60)),
        max_size=30,
    )
)
def test_any_address_is_a_wish_that_can_be_asked(pairs: list[tuple[str, str]]) -> None:
    found = asked(*pairs)
    wish, _ = found.wish(TODAY)
    wish.profile.check(WORDS)
    assert wish.profile.budget.minor > 0
    assert wish.day >= TODAY
    again = Asked.of(read_query(found.query), WORDS, MONEY, TODAY)
    assert again.pairs() == found.pairs()


@given(st.text())
def test_any_query_is_read(query: str) -> None:
    Asked.of(read_query(query), WORDS, MONEY, TODAY)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("age", "0", "fault.age"),
        ("age", "121", "fault.age"),
        ("age", "-3", "fault.age"),
        ("age", "9" * 50, "fault.age"),
        ("budget", "much", "fault.budget"),
        ("budget", "0", "fault.budget"),
        ("budget", "-5", "fault.budget"),
        ("budget", "1e9", "fault.budget"),
        ("budget", "9" * 30, "fault.budget"),
        ("budget", "1.005", "fault.budget"),
        ("by", "2026-11-20", "fault.past"),
        ("by", "soon", "fault.by"),
        ("likes", "x" * 201, "fault.words"),
        ("not", ",".join(map(str, range(30))), "fault.words"),
    ],
)
def test_what_cannot_be_used_is_told(name: str, text: str, fault: str) -> None:
    assert fault in asked((name, text)).faults


def test_amounts_are_read_as_people_write_them() -> None:
    assert asked(("budget", "59,90")).budget == Money(minor=5990, currency="EUR")
    assert asked(("budget", "60"), ("cur", "JPY")).budget == Money(minor=60, currency="JPY")
    assert asked(("budget", "60"), ("cur", "XXX")).currency == "EUR"
    assert [plain(asked(("budget", t)).budget) for t in ("60", "59.90", "100.00")] == [
        "60", "59.90", "100",
    ]  # fmt: skip


def test_the_least_is_below_the_most() -> None:
    found = asked(("budget", "30"), ("least", "40"))
    assert found.least is None
    assert "fault.least_above" in found.faults
    wish, blank = asked(("least", "90")).wish(TODAY)
    assert wish.profile.budget == Money(minor=18000, currency="EUR")
    assert "budget" in blank


def test_what_was_not_said_is_filled_in_and_named() -> None:
    wish, blank = asked(("age", "30")).wish(TODAY)
    assert blank == ("who", "occasion", "budget", "by")
    assert wish.profile.relationship == "friend"


def test_gifts_are_set_aside_and_taken_back() -> None:
    found = asked(("like", "a"))
    for n in range(MOST_AWAY + 5):
        found = found.set_aside(f"g{n}", "s")
    assert len(found.away) == MOST_AWAY
    assert "g0" not in found.away
    assert found.set_aside("a", "n").like == ""
    assert "g9" not in found.back("g9").away


def test_a_thumb_is_given_changed_and_taken_back() -> None:
    up = Asked().thumb("g", up=True)
    assert (up.up, up.down) == (("g",), ())
    down = up.thumb("g", up=False)
    assert (down.up, down.down) == ((), ("g",))
    assert (down.thumb("g", up=False).up, down.thumb("g", up=False).down) == ((), ())

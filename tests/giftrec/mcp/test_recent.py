"""Recommendations are remembered for a while, never too many, and never on disk."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from giftrec.agent.wish import Wish
from giftrec.mcp.recent import Given, Recent
from giftrec.money import Money
from giftrec.schema import Profile


def _given(gift: str = "a") -> Given:
    profile = Profile(
        age=30,
        hobbies=(),
        relationship="friend",
        occasion="birthday",
        budget=Money(minor=5000, currency="EUR"),
    )
    return Given(Wish(profile=profile, on=date(2026, 11, 1)), (gift,))


def test_ids_cannot_be_guessed() -> None:
    recent = Recent()
    names = {recent.keep(_given()) for _ in range(200)}
    assert len(names) == 200
    assert min(map(len, names)) >= 16


def test_forgets_after_a_while() -> None:
    now = [0.0]
    recent = Recent(keep_s=10.0, clock=lambda: now[0])
    first = recent.keep(_given())
    now[0] = 9.9
    second = recent.keep(_given("b"))
    assert recent.get(first) is not None
    now[0] = 10.0
    assert recent.get(first) is None
    assert recent.get(second) is not None
    now[0] = 20.0
    assert recent.get(second) is None
    assert len(recent) == 0


@given(st.integers(1, 5), st.integers(0, 20))
def test_never_more_than_it_may(most: int, kept: int) -> None:
    recent = Recent(most=most)
    names = [recent.keep(_given(str(n))) for n in range(kept)]
    assert len(recent) == min(most, kept)
    for n, name in enumerate(names):
        found = recent.get(name)
        assert (found is not None) == (n >= kept - most)
        assert found is None or found.shown == (str(n),)

"""Recommendations for the tests."""

from datetime import date

from giftrec.agent.wish import Wish
from giftrec.kept import Kept, new_id
from giftrec.money import Money
from giftrec.schema import Profile

NOW = 1_700_000_000
PROFILE = Profile(
    age=30,
    hobbies=("pottery",),
    relationship="sister",
    occasion="birthday",
    budget=Money(minor=6000, currency="EUR"),
)


def wish(**changes):
    return Wish(**{"profile": PROFILE, "on": date(2025, 3, 1), **changes})


def kept(id=None, user="ann", shown=("g1", "g2"), passed_over=(), at=NOW, **changes):
    return Kept(id or new_id(), user, wish(**changes), tuple(shown), tuple(passed_over), at)

"""From what was said of a person to the profile that the model reads, and what was missing."""

from datetime import date
from typing import NamedTuple

from giftrec.money import Money
from giftrec.schema import OLDEST, YOUNGEST, Profile, Record
from giftrec.sentence import calendar
from giftrec.sentence.result import Budget, Person

MOST_WORDS = 20
YEAR = 365


class Defaults(Record):
    """What is taken where nothing was said; each use is told."""

    age: int = 35
    relationship: str = "friend"
    occasion: str = "birthday"
    budget: Money = Money(minor=5000, currency="EUR")
    days_left: int = 14


class Draft(NamedTuple):
    """A profile that can be asked with, and in words what it had to fill in."""

    profile: Profile
    missing: tuple[str, ...]


def to_profile(person: Person, today: date, defaults: Defaults | None = None) -> Draft:
    """`person` as a profile. The budget is the most that may be spent, an age range its middle."""
    default = defaults or Defaults()
    missing: list[str] = []

    def said(name: str, value: str | None, instead: str) -> str:
        if value is None:
            missing.append(f"no {name} was said: {instead.replace('_', ' ')} taken")
        return value or instead

    occasion = person.occasion.value if person.occasion else None
    budget = _most(person.budget.value if person.budget else None, default, missing)
    profile = Profile(
        age=_age(person, default, missing),
        hobbies=_first(tuple(slot.value for slot in person.hobbies), "hobbies", missing),
        preferences=_first(
            tuple(slot.value for slot in person.preferences), "preferences", missing
        ),
        relationship=said(
            "relationship",
            person.relationship.value if person.relationship else None,
            default.relationship,
        ),
        occasion=said("occasion", occasion, default.occasion),
        budget=budget,
        days_left=_days_left(person, occasion, today, default, missing),
    )
    return Draft(profile, tuple(missing))


def _age(person: Person, default: Defaults, missing: list[str]) -> int:
    if person.age is None:
        missing.append(f"no age was said: {default.age} taken")
        return default.age
    ages = person.age.value
    middle = min(max((ages.low + ages.high) // 2, YOUNGEST), OLDEST)
    if ages.low != ages.high or middle != ages.low:
        missing.append(f"no exact age was said: {middle} taken for {ages}")
    return middle


def _most(budget: Budget | None, default: Defaults, missing: list[str]) -> Money:
    if budget is None:
        missing.append(f"no budget was said: {default.budget} taken")
        return default.budget
    if budget.high is not None:
        return budget.high
    least = budget.said[0]
    most = Money(minor=2 * least.minor, currency=least.currency)
    missing.append(f"no highest budget was said: {most} taken, twice the least")
    return most


def _first(words: tuple[str, ...], name: str, missing: list[str]) -> tuple[str, ...]:
    if len(words) > MOST_WORDS:
        missing.append(f"{len(words)} {name} were said: the first {MOST_WORDS} taken")
    return words[:MOST_WORDS]


def _days_left(
    person: Person, occasion: str | None, today: date, default: Defaults, missing: list[str]
) -> int:
    if person.needed_by is not None:
        day = person.needed_by.value
        if day < today:
            missing.append(f"the day {day} is past: today taken")
        elif (day - today).days > YEAR:
            missing.append(f"the day {day} is more than a year away: {YEAR} days taken")
        return min(max((day - today).days, 0), YEAR)
    feast = calendar.feast(occasion or "", today)
    if feast is not None and (feast - today).days <= YEAR:
        missing.append(f"no day was said: {feast} taken, the next of its kind")
        return (feast - today).days
    missing.append(f"no day was said: {default.days_left} days taken")
    return default.days_left

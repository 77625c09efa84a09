"""The form: everything a wish can say, with what was said filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from giftrec.money import digits
from giftrec.schema import OLDEST, YOUNGEST
from giftrec.vocabulary import Groups, Vocabulary
from giftrec.web.asked import Asked
from giftrec.web.fields import YEAR, plain
from giftrec.web.words import Words

SLIDER = (5, 300)  # major units of most currencies; a budget beyond it widens the slider
HUNDREDFOLD = 100  # where the currency has no minor unit


@dataclass(frozen=True)
class Option:
    """One word to choose."""

    word: str
    name: str
    chosen: bool


@dataclass(frozen=True)
class Group:
    """Words that belong together."""

    name: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Form:
    """As it is filled in."""

    who: tuple[Option, ...]
    occasions: tuple[Option, ...]
    hobbies: tuple[Group, ...]
    tastes: tuple[Group, ...]
    currencies: tuple[Option, ...]
    age: str
    ages: tuple[int, int]
    likes: str
    budget: str
    least: str
    step: str
    slider: tuple[int, int, int]  # from, to, step
    by: str
    days: tuple[str, str]  # first and last that can be chosen
    without: str
    has: str
    rest: tuple[tuple[str, str], ...]  # what a change keeps as it is


def form_of(
    asked: Asked, vocabulary: Vocabulary, currencies: tuple[str, ...], today: date, words: Words
) -> Form:
    """The form of a wish."""
    places, by = digits(asked.currency), asked.by
    return Form(
        who=_options("relationship", vocabulary.relationships, (asked.who,), words),
        occasions=_options("occasion", vocabulary.occasions, (asked.occasion,), words),
        hobbies=_groups("hobby", vocabulary.hobby_categories, asked.hobbies, words),
        tastes=_groups("preference", vocabulary.preference_types, asked.preferences, words),
        currencies=tuple(Option(one, one, one == asked.currency) for one in currencies),
        age="" if asked.age is None else str(asked.age),
        ages=(YOUNGEST, OLDEST),
        likes=", ".join(asked.likes),
        budget=plain(asked.budget),
        least=plain(asked.least),
        step="1" if not places else f"0.{'0' * (places - 1)}1",
        slider=_slider(asked, places),
        by="" if by is None else by.isoformat(),
        days=(today.isoformat(), (today + timedelta(days=YEAR)).isoformat()),
        without=", ".join(asked.without),
        has=", ".join(asked.has),
        rest=tuple((n, text) for n, text in asked.pairs() if n in ("away", "like", "up", "down")),
    )


def _slider(asked: Asked, places: int) -> tuple[int, int, int]:
    unit = 1 if places else HUNDREDFOLD
    low, high = (end * unit for end in SLIDER)
    major = 0 if asked.budget is None else -(-asked.budget.minor // 10**places)
    step = 5 * unit
    return low, max(high, -(-major // step) * step), step


def _options(
    factor: str, known: Mapping[str, object], chosen: tuple[str, ...], words: Words
) -> tuple[Option, ...]:
    return tuple(Option(word, words.term(factor, word), word in chosen) for word in known)


def _groups(factor: str, known: Groups, chosen: tuple[str, ...], words: Words) -> tuple[Group, ...]:
    return tuple(
        Group(
            words.term(f"{factor}_group", name),
            tuple(Option(word, words.term(factor, word), word in chosen) for word in some),
        )
        for name, some in known.items()
    )


def summary(asked: Asked, words: Words) -> list[str]:
    """A wish in a few short words."""
    found = [words.term("relationship", asked.who) if asked.who else ""]
    found += [words("summary.age", age=asked.age) if asked.age else ""]
    found += [words.term("occasion", asked.occasion) if asked.occasion else ""]
    found += [words.term("hobby", word) for word in asked.hobbies]
    found += [words.term("preference", word) for word in asked.preferences]
    found += [words.quoted(word) for word in asked.likes]
    if asked.budget and asked.least:
        facts = {
            "least": words.money(asked.least, short=True),
            "most": words.money(asked.budget, short=True),
        }
        found += [words("summary.between", **facts)]
    elif asked.budget:
        found += [words("summary.budget", most=words.money(asked.budget, short=True))]
    found += [words("summary.by", day=words.day(asked.by)) if asked.by else ""]
    found += [words("summary.not", what=word) for word in asked.without]
    found += [words("summary.has", what=word) for word in asked.has]
    return [one for one in found if one]

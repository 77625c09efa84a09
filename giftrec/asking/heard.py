"""What was asked for, as the agent is asked: from a sentence, from options, or from both.

Whatever was not said is filled in, and everything that was filled in, taken for something else or
not understood is said in words: `missing`. "About 60 euros" is no lower bound; "25 to 40" and "at
least 30" are.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from pydantic import Field, ValidationError

from giftrec.agent.wish import Wish
from giftrec.asking.likes import likes, of_person
from giftrec.asking.options import YEAR, Options, refused
from giftrec.asking.terms import Reader
from giftrec.money import Money, RateTable, digits
from giftrec.schema import Profile, Record
from giftrec.sentence import Ages, Budget, Defaults, Parsed, Person, Slot, parse
from giftrec.slate import SLATE
from giftrec.text.terms import Terms
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError

MOST_WORDS = 20
STATED = ("between", "at least")  # ways of a budget whose lower end was said


class Heard(Record):
    """One wish, and what it was read from."""

    wish: Wish
    parsed: Parsed | None = Field(None, description="none: no sentence was given")
    person: int = Field(0, ge=0, description="which of the sentence's people this is")
    missing: tuple[str, ...] = Field(
        (), description="what was assumed, taken for something near, or not understood"
    )


def from_sentence(
    text: str,
    on: date,
    vocabulary: Vocabulary,
    *,
    rates: RateTable | None = None,
    currency: str = "EUR",
    person: int = 0,
    changes: Options | None = None,
    terms: Terms | None = None,
) -> Heard:
    """The wish for one person of a sentence; `changes` stand instead of what it says.

    `currency` is that of sums without one, and of the budget where none is said; with `rates`,
    their base. Raises UserError where nothing is said, or fewer people than `person` asks for.
    """
    parsed = _parsed(text, on, vocabulary, rates, currency)
    if not 0 <= person < len(parsed.people):
        count = len(parsed.people)
        raise UserError(f"person {person} of a sentence about {count}", f"0 to {count - 1}")
    return _heard(text, parsed, person, on, vocabulary, rates, currency, changes, terms)


def all_from_sentence(
    text: str,
    on: date,
    vocabulary: Vocabulary,
    *,
    rates: RateTable | None = None,
    currency: str = "EUR",
    changes: Options | None = None,
    terms: Terms | None = None,
) -> tuple[Heard, ...]:
    """One wish for each person of a sentence, in its order; `changes` are for all of them."""
    parsed = _parsed(text, on, vocabulary, rates, currency)
    return tuple(
        _heard(text, parsed, nth, on, vocabulary, rates, currency, changes, terms)
        for nth in range(len(parsed.people))
    )


def from_words(
    options: Options,
    on: date,
    vocabulary: Vocabulary,
    *,
    free: bool = True,
    rates: RateTable | None = None,
    currency: str = "EUR",
    terms: Terms | None = None,
) -> Heard:
    """The wish that options say.

    With `free`, forms and relatives of the vocabulary's words are understood as in a sentence, and
    other hobbies and preferences become free wishes; without, any word that is not the vocabulary's
    is refused, with the nearest ones.
    """
    reader = Reader(vocabulary, free, terms)
    return _wish(Person(), (), options, on, reader, rates, currency, None, 0, ())


def _parsed(
    text: str, on: date, vocabulary: Vocabulary, rates: RateTable | None, currency: str
) -> Parsed:
    if not text.strip():
        raise UserError(
            "the sentence is empty", "say who it is for: my sister turns 30, about 60 euros"
        )
    return parse(text, on, vocabulary, rates, currency)


def _heard(
    text: str,
    parsed: Parsed,
    nth: int,
    on: date,
    vocabulary: Vocabulary,
    rates: RateTable | None,
    currency: str,
    changes: Options | None,
    terms: Terms | None,
) -> Heard:
    options = changes or Options()
    found = likes(text, parsed, vocabulary)
    mine = tuple(like.words for like in of_person(found, text, parsed, nth))
    taken = set(" ".join(like.words for like in found).split())
    left = [" ".join(w for w in said.split() if w not in taken) for said in parsed.unknown]
    notes = [*_assumed(parsed, nth), *(f"not understood: {said}" for said in left if said)]
    reader = Reader(vocabulary, True, terms)
    heard = _wish(
        parsed.people[nth], mine, options, on, reader, rates, currency, parsed, nth, notes
    )
    about = _about(text, parsed.people[nth])
    return heard.model_copy(update={"wish": heard.wish.model_copy(update={"about": about})})


def _about(text: str, person: Person) -> str | None:
    """The recipient in the shopper's words, in their order: `5 year old son`, `birthday`."""
    slots = (person.relationship, person.age, person.occasion)
    places = sorted({(slot.start, slot.end) for slot in slots if slot is not None})
    said = " ".join(text[start:end] for start, end in places if end > start)
    return said[:200] or None


def _assumed(parsed: Parsed, nth: int) -> list[str]:
    """What was assumed about this person, or about nobody in particular."""
    others = {
        slot.note for n, person in enumerate(parsed.people) if n != nth for slot in _slots(person)
    }
    mine = {slot.note for slot in _slots(parsed.people[nth])}
    return [note for note in parsed.assumed if note in mine or note not in others]


def _slots(person: Person) -> list[Slot[Any]]:
    one = (person.relationship, person.age, person.occasion, person.budget, person.needed_by)
    many = (*person.hobbies, *person.preferences, *person.excluded, *person.owned)
    return [slot for slot in (*one, *many) if slot is not None]


def _wish(
    said: Person,
    liked: Sequence[str],
    options: Options,
    on: date,
    reader: Reader,
    rates: RateTable | None,
    currency: str,
    parsed: Parsed | None,
    nth: int,
    notes: Sequence[str],
) -> Heard:
    """What was said, with the options instead of it where they are given, as a whole wish."""
    person, free, changed = _changed(said, options, on, reader)
    against = {word.casefold() for word in _values(person.excluded)}
    liked = [*(options.wishes if options.wishes is not None else liked), *free]
    liked = [word for word in liked if word.casefold() not in against]
    missing = [*notes, *changed]
    budget = person.budget.value if person.budget else None
    if budget is not None and budget.way == "about" and budget.high is not None:
        missing.append(f"about {budget.said[0]} taken as up to {budget.high}")
    least = budget.low if budget is not None and budget.way in STATED else None
    try:
        draft = person.to_profile(on, _defaults(rates, currency))
        missing += draft.missing
        wish = Wish(
            profile=draft.profile,
            on=on,
            needed_by=_needed_by(person, on),
            wishes=_first(liked, "likes", missing),
            excluded=_first(_values(person.excluded), "things not wanted", missing),
            owned=_first(_values(person.owned), "things owned", missing),
            not_these=options.not_these,
            like=options.like,
            at_least=options.at_least or least,
            count=options.count or SLATE,
        )
    except ValidationError as error:
        raise refused(error) from None
    return Heard(
        wish=_sound(wish), parsed=parsed, person=nth, missing=tuple(dict.fromkeys(missing))
    )


def _changed(
    said: Person, options: Options, on: date, reader: Reader
) -> tuple[Person, tuple[str, ...], list[str]]:
    """The person with the options' slots, tastes that are free words, and what was taken how."""
    slots: dict[str, object] = {}
    free: list[str] = []
    notes: list[str] = []
    if options.age is not None:
        slots["age"] = _given(Ages(low=options.age, high=options.age))
    for kind in ("relationship", "occasion"):
        word = getattr(options, kind)
        if word is not None:
            term, note = reader.one(kind, word)
            slots[kind] = _given(term)
            notes += [note] if note else []
    for kind, field in (("hobby", "hobbies"), ("preference", "preferences")):
        words = getattr(options, field)
        if words is not None:
            taken = reader.some(kind, words)
            slots[field] = tuple(_given(term) for term in taken.terms)
            free += taken.free
            notes += taken.notes
    if options.budget is not None:
        most = options.budget
        way = Budget(way="exactly", said=(most,), low=None, high=most)
        slots["budget"] = _given(way)
    day = options.day(on)
    if day is not None:
        slots["needed_by"] = _given(day)
    for field in ("excluded", "owned"):
        words = getattr(options, field)
        if words is not None:
            slots[field] = tuple(_given(word) for word in dict.fromkeys(words))
    return said.model_copy(update=slots), tuple(free), notes


def _given(value: object) -> Slot[object]:
    """A slot that stands nowhere in the sentence."""
    return Slot[object](value=value, start=0, end=0, confidence=1.0)


def _defaults(rates: RateTable | None, currency: str) -> Defaults:
    """The usual assumptions, with a budget in the shopper's money."""
    usual, shoppers = Defaults(), rates.base if rates is not None else currency
    if shoppers == usual.budget.currency:
        return usual
    units = 50 if digits(shoppers) else 5000
    money = Money(minor=units * 10 ** digits(shoppers), currency=shoppers)
    return usual.model_copy(update={"budget": money})


def _needed_by(person: Person, on: date) -> date | None:
    """The day that was said, as `to_profile` reads it; none: none was said."""
    if person.needed_by is None:
        return None
    return min(max(person.needed_by.value, on), on + timedelta(days=YEAR))


def _values(slots: Sequence[Slot[str]]) -> list[str]:
    return [slot.value for slot in slots]


def _first(words: Sequence[str], name: str, missing: list[str]) -> tuple[str, ...]:
    """At most 20, none twice, none longer than a wish may be."""
    some = tuple(dict.fromkeys(word.strip()[:200] for word in words if word.strip()))
    if len(some) > MOST_WORDS:
        missing.append(f"{len(some)} {name} were said: the first {MOST_WORDS} taken")
    return some[:MOST_WORDS]


def _sound(wish: Wish) -> Wish:
    """A lower end of the budget that lies above its upper one is refused."""
    profile: Profile = wish.profile
    least, most = wish.at_least, profile.budget
    if least is not None and least.currency == most.currency and least.minor > most.minor:
        raise UserError(f"at least {least} is above the budget of {most}", "give a higher budget")
    return wish

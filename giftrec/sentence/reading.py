"""From a text to people: the rules in the order in which they may claim words.

Days, ages with units and sums beside a currency come first, as they are sure; then what is owned
and not wanted, whose words are no hobbies; then people, tastes and occasions; and last the numbers
that only their place explains. What no rule claimed and carries a meaning is `unknown`.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from giftrec.money import RateTable
from giftrec.sentence import ages as age_rules
from giftrec.sentence import budgets as money_rules
from giftrec.sentence import dates as date_rules
from giftrec.sentence.lexicon import Lexicon, Mark, Meaning, lexicon_of
from giftrec.sentence.people import Mention, recipients
from giftrec.sentence.result import Ages, Budget, Parsed, Person, Slot
from giftrec.sentence.scopes import Scopes, Thing
from giftrec.sentence.stream import Stream
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError

LONGEST = 10_000
JOINING = frozenset(("and", "&", ",", "my", "our", "for", "the", "/", "+", "(", ")"))
SURE, NEAR, GUESS = 0.95, 0.75, 0.5
T = TypeVar("T")


class _Same:
    """A vocabulary as a key: the very object, as its words are not hashable."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def __hash__(self) -> int:
        return id(self.vocabulary)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.vocabulary is self.vocabulary


@lru_cache(maxsize=8)
def _lexicon(key: _Same) -> Lexicon:
    return lexicon_of(key.vocabulary)


def words_known(vocabulary: Vocabulary) -> Lexicon:
    """The phrases that are understood with this vocabulary; made once for each."""
    return _lexicon(_Same(vocabulary))


def parse(
    text: str,
    today: date,
    vocabulary: Vocabulary,
    rates: RateTable | None = None,
    currency: str = "EUR",
) -> Parsed:
    """What `text` says of the people that gifts are looked for.

    `currency` is taken where a sum has none; with `rates`, budgets are in their base currency (what
    was said is kept beside). The same text, day and words always give the same answer.
    """
    if len(text) > LONGEST:
        raise UserError(
            f"the text has {len(text):,} characters", f"at most {LONGEST:,}: say it in fewer words"
        )
    shoppers = rates.base if rates is not None else currency
    return _Reader(text, today, words_known(vocabulary), rates, shoppers).read()


@dataclass
class _Heard:
    """Slots with the token they begin at, before they are given to people."""

    days: list[date_rules.Day] = field(default_factory=list)
    ages: list[age_rules.Said] = field(default_factory=list)
    sums: list[money_rules.Sum] = field(default_factory=list)
    tastes: list[tuple[Mark, Meaning]] = field(default_factory=list)
    excluded: list[Thing] = field(default_factory=list)
    owned: list[Thing] = field(default_factory=list)


class _Reader:
    def __init__(
        self,
        text: str,
        today: date,
        lexicon: Lexicon,
        rates: RateTable | None,
        shoppers: str,
    ) -> None:
        self.stream = Stream(text, lexicon)
        self.today, self.rates, self.shoppers = today, rates, shoppers
        self.heard = _Heard()
        self.assumed: list[str] = []

    def read(self) -> Parsed:
        stream, heard = self.stream, self.heard
        if not stream.tokens:
            return Parsed(people=(Person(),))
        ages = list(age_rules.ages_with_units(stream, self.today))
        heard.days = list(date_rules.days(stream, self.today))
        sums = money_rules.sums_with_currency(stream)
        marks = list(stream.lexicon.marks(stream.tokens, stream.free))
        mentions = recipients(stream, marks)
        places = [(m.start, m.end) for m in mentions]
        ages += age_rules.ages_by_place(stream, places)
        if sums and not ages:
            ages += age_rules.lone_ages(stream)
        sums += money_rules.sums_without_currency(stream, bare=not sums)
        heard.ages = ages
        heard.sums = list(money_rules.budgets(stream, sums, self.shoppers))
        self._scopes(marks)
        self._tastes(marks)
        self._people_words(mentions, marks)
        people = self._given(mentions)
        self._say(people)
        return Parsed(
            people=people, unknown=self._unknown(), assumed=tuple(dict.fromkeys(self.assumed))
        )

    def _scopes(self, marks: Sequence[Mark]) -> None:
        stream = self.stream
        for mark in marks:  # first, so that "not sure" is no cue
            if mark.of("neutral"):
                stream.claim(mark.start, mark.end)
        scopes = Scopes(stream, marks)
        for into, read in (
            (self.heard.owned, scopes.owned),
            (self.heard.excluded, scopes.unwanted),
        ):
            for _, things in list(read()):
                for thing in things:
                    if not all(stream.free[thing.start : thing.end]):
                        continue
                    stream.claim(thing.start, thing.end)
                    named = scopes.at.get(thing.start)  # "not for Christmas" is no thing
                    if named is None or named.end != thing.end or not named.of("occasion"):
                        into.append(thing)

    def _tastes(self, marks: Sequence[Mark]) -> None:
        for mark in marks:
            if not all(self.stream.free[mark.start : mark.end]):
                continue
            for kind in ("hobby", "preference", "occasion", "other_occasion", "age", "someone"):
                meaning = mark.of(kind)
                if meaning is None:
                    continue
                if kind == "age":
                    self._worded_age(mark, meaning)
                elif kind != "someone":
                    self.heard.tastes.append((mark, meaning))
                self.stream.claim(mark.start, mark.end)

    def _worded_age(self, mark: Mark, meaning: Meaning) -> None:
        before = {self.stream.word(mark.start - 1), self.stream.word(mark.start - 2)}
        if before & {"has", "had", "have", "having", "expecting", "new"}:
            return
        low, high = map(int, meaning.value.split("-"))
        self.heard.ages.append(age_rules.Said(mark.start, mark.end, Ages(low=low, high=high), NEAR))

    def _people_words(self, mentions: Sequence[Mention], marks: Sequence[Mark]) -> None:
        """Claims words that name people, and the names that follow them."""
        stream = self.stream
        for mark in marks:
            if mark.of("relationship"):
                stream.claim(mark.start, mark.end)
                for at in (mark.end, mark.end + 1):
                    if stream.word(at) != "," and at < len(stream):
                        token = stream.tokens[at]
                        if token.capital and stream.free[at] and token.is_word:
                            stream.claim(at, at + 1)
                        break

    def _given(self, mentions: Sequence[Mention]) -> tuple[Person, ...]:
        """Each slot to the person whose part it stands in; what all share to all."""
        count = max(len(mentions), 1)
        parts = [0, *(m.begins for m in mentions[1:]), len(self.stream)]
        turns = sorted((begin, n) for n, m in enumerate(mentions) for begin in (m.begins, *m.again))
        starts = [begin for begin, _ in turns]

        def whose(start: int) -> int:
            return turns[max(bisect_right(starts, start) - 1, 0)][1] if turns else 0

        def mine(n: int, items: Sequence[T], start: Callable[[T], int]) -> list[T]:
            return [item for item in items if whose(start(item)) == n]

        def shared(n: int, items: Sequence[T], start: Callable[[T], int]) -> list[T]:
            """One's own; else what stands before all of them or in the last one's part."""
            own = mine(n, items, start)
            if own or count == 1:
                return own
            first = [i for i in items if mentions and start(i) < mentions[0].start]
            return first or mine(count - 1, items, start)

        def theirs(n: int, items: Sequence[T], start: Callable[[T], int]) -> list[T]:
            """One's own; of "mum and dad love wine" both have what follows."""
            last = n
            while last + 1 < count and self._joined(mentions[last], mentions[last + 1]):
                last += 1
            own = mine(n, items, start)
            return own or mine(last, items, start)

        heard = self.heard
        self._all_together = count > 1 and self._said_of_all(parts)
        people = []
        for n in range(count):
            mention = mentions[n] if mentions else None
            tastes = theirs(n, heard.tastes, _start_of)
            if self._all_together and n < count - 1:
                tastes = tastes or mine(count - 1, heard.tastes, _start_of)
            ages = mine(n, heard.ages, lambda a: a.start)
            occasions = shared(n, [t for t in heard.tastes if "occasion" in t[1].kind], _start_of)
            days = shared(n, heard.days, lambda d: d.start)
            people.append(
                Person(
                    relationship=self._relationship(mention),
                    age=self._age(ages),
                    hobbies=self._words(tastes, "hobby"),
                    preferences=self._words(tastes, "preference"),
                    occasion=self._occasion(occasions, ages, days),
                    budget=self._budget(shared(n, heard.sums, lambda s: s.start), count),
                    needed_by=self._day(days),
                    excluded=self._things(theirs(n, heard.excluded, lambda t: t.start)),
                    owned=self._things(theirs(n, heard.owned, lambda t: t.start)),
                )
            )
        return tuple(people)

    def _joined(self, first: Mention, second: Mention) -> bool:
        stream = self.stream
        between = [stream.word(n) for n in range(first.end, second.start) if stream.free[n]]
        return set(between) <= JOINING and bool(between)

    def _said_of_all(self, parts: Sequence[int]) -> bool:
        words = [self.stream.word(n) for n in range(parts[-2], parts[-1])]
        return any(
            (
                a in {"both", "they", "all"}
                and b in {"love", "like", "enjoy", "adore", "are", "both", "into"}
            )
            for a, b in pairwise(words)
        )

    def _relationship(self, mention: Mention | None) -> Slot[str] | None:
        if mention is None:
            return None
        said = self.stream.said(mention.start, mention.end).lower()
        note = f"{said} taken as {mention.value}" if mention.near else ""
        return self._slot(
            mention.value, mention.start, mention.end, NEAR if mention.near else SURE, note
        )

    def _age(self, said: Sequence[age_rules.Said]) -> Slot[Ages] | None:
        if not said:
            return None
        best = min(said, key=lambda a: (a.ages.high - a.ages.low, -a.confidence, a.start))
        return self._slot(best.ages, best.start, best.end, best.confidence, best.note)

    def _words(self, tastes: Sequence[tuple[Mark, Meaning]], kind: str) -> tuple[Slot[str], ...]:
        first: dict[str, Slot[str]] = {}
        for mark, meaning in tastes:
            if meaning.kind == kind and meaning.value not in first:
                first[meaning.value] = self._taste(mark, meaning)
        return tuple(first.values())

    def _taste(self, mark: Mark, meaning: Meaning) -> Slot[str]:
        said = self.stream.said(mark.start, mark.end).lower()
        note = f"{said} taken as {meaning.value.replace('_', ' ')}" if meaning.near else ""
        confidence = NEAR if meaning.near else SURE
        return self._slot(meaning.value, mark.start, mark.end, confidence, note)

    def _occasion(
        self,
        tastes: Sequence[tuple[Mark, Meaning]],
        ages: Sequence[age_rules.Said],
        days: Sequence[date_rules.Day],
    ) -> Slot[str] | None:
        known = [t for t in tastes if t[1].kind == "occasion"]
        if known:
            return self._taste(*min(known, key=lambda t: (t[1].near, t[0].start)))
        turns = [a for a in ages if a.turns]
        if turns and self._has_occasion("birthday"):
            note = f"{self.stream.said(turns[0].start, turns[0].end)!r} taken as a birthday"
            return self._slot("birthday", turns[0].start, turns[0].end, 0.9, note)
        other = [t for t in tastes if t[1].kind == "other_occasion"]
        for _, meaning in other:
            self.assumed.append(f"{meaning.value} is no occasion of the vocabulary: none was set")
        for day in days:
            if not other and self._has_occasion(day.feast):
                return self._slot(day.feast, day.start, day.end, GUESS, "from the day it is needed")
        return None

    def _has_occasion(self, word: str) -> bool:
        return word in self.stream.lexicon.occasions

    def _budget(self, sums: Sequence[money_rules.Sum], count: int) -> Slot[Budget] | None:
        if not sums:
            return None
        best = max(sums, key=lambda s: (s.confidence, -s.start))
        budget, note = best.budget, best.note
        total = count > 1 and money_rules.TOTAL.search(self.stream.plain)
        if total and not money_rules.EACH.search(self.stream.plain) and len(self.heard.sums) == 1:
            budget = money_rules.split(budget, count)
            note = "; ".join(filter(None, (note, f"the sum for all, parted by {count}")))
        if self.rates is not None:
            budget, changed = money_rules.converted(budget, self.rates)
            note = "; ".join(filter(None, (note, changed)))
        return self._slot(budget, best.start, best.end, best.confidence, note)

    def _day(self, days: Sequence[date_rules.Day]) -> Slot[date] | None:
        if not days:
            return None
        best = min(days, key=lambda d: (d.confidence < GUESS, not d.deadline, d.day))
        return self._slot(best.day, best.start, best.end, best.confidence, best.note)

    def _things(self, things: Sequence[Thing]) -> tuple[Slot[str], ...]:
        first: dict[str, Slot[str]] = {}
        for thing in things:
            value = self._named(thing)
            if value and value not in first:
                first[value] = self._slot(value, thing.start, thing.end, 0.85)
        return tuple(first.values())

    def _named(self, thing: Thing) -> str:
        """The words as they were said, typos read."""
        tokens = self.stream.tokens
        if any(tokens[n].fixed for n in range(thing.start, thing.end)):
            return " ".join(tokens[n].word for n in range(thing.start, thing.end))
        return " ".join(self.stream.said(thing.start, thing.end).lower().split())

    def _slot(self, value: T, start: int, end: int, confidence: float, note: str = "") -> Slot[T]:
        low, high = self.stream.span(start, end)
        typo = self.stream.typo(start, end)
        notes = "; ".join(dict.fromkeys(n for n in (note, typo) if n))
        sure = min(confidence, 0.8) if typo else confidence
        return Slot(value=value, start=low, end=high, confidence=sure, note=notes)

    def _say(self, people: Sequence[Person]) -> None:
        """What was assumed, in words."""
        for person in people:
            slots = (
                person.relationship, person.age, *person.hobbies, *person.preferences,
                person.occasion, person.budget, person.needed_by,
                *person.excluded, *person.owned,
            )  # fmt: skip
            self.assumed.extend(slot.note for slot in slots if slot is not None and slot.note)
        extra = {s.start for s in self.heard.sums}
        if len(extra) > len(people):
            self.assumed.append("more than one sum was named for a person: the surest was taken")

    def _unknown(self) -> tuple[str, ...]:
        stream, words = self.stream, []
        at = 0
        while at < len(stream):
            end = at
            while end < len(stream) and self._says_something(end):
                end += 1
            if end > at:
                words.append(" ".join(stream.said(at, end).split()))
            at = max(end, at + 1)
        return tuple(dict.fromkeys(words))

    def _says_something(self, at: int) -> bool:
        token = self.stream.tokens[at]
        if not self.stream.free[at] or token.word in self.stream.lexicon.silent:
            return False
        if token.is_number:
            return not token.word.endswith("th")
        return token.is_word and len(token.word) > 1


def _start_of(taste: tuple[Mark, Meaning]) -> int:
    return taste[0].start

"""What gifts are looked for by, as the address of a page says it.

It all stands in the address (the sentence itself never does), so that a page can be kept, gone back
to and worked with by links and forms alone. What an address says and nobody knows, after a change
of vocabulary, say, is left out; what cannot be used as it is written is told (`faults`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from urllib.parse import urlencode

from giftrec.agent.wish import Wish
from giftrec.money import Money, digits
from giftrec.schema import Profile
from giftrec.sentence import Defaults
from giftrec.vocabulary import Vocabulary
from giftrec.web.fields import (
    MOST_AWAY,
    YEAR,
    age_of,
    all_known,
    away_of,
    day_of,
    free_words,
    id_of,
    ids_of,
    known,
    money_of,
    plain,
)

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """A wish as the form shows it. None and "" were not said."""

    who: str = ""
    age: int | None = None
    occasion: str = ""
    hobbies: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    likes: tuple[str, ...] = ()  # in free words
    budget: Money | None = None
    least: Money | None = None
    currency: str = "EUR"
    by: date | None = None
    without: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    away: Mapping[str, str] = field(default_factory=dict)  # gift -> why it is set aside
    like: str = ""  # a gift that the others are to resemble
    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    heard: str = ""  # mark of the sentence it came from
    faults: tuple[str, ...] = ()  # keys of texts

    @classmethod
    def of(
        cls, pairs: Pairs, vocabulary: Vocabulary, currencies: Sequence[str], today: date
    ) -> "Asked":
        """What an address says; `currencies`: those that can be taken, the usual first."""
        every: dict[str, list[str]] = {}
        for name, text in pairs:
            every.setdefault(name, []).append(text)

        def one(name: str) -> str:
            return every.get(name, [""])[-1].strip()

        faults: list[str] = []
        currency = one("cur") if one("cur") in currencies else currencies[0]
        by = day_of(one("by"), today, faults)
        budget = money_of(one("budget"), currency, "budget", faults)
        least = money_of(one("least"), currency, "least", faults)
        if budget is not None and least is not None and least.minor > budget.minor:
            faults.append("fault.least_above")
            least = None
        return cls(
            who=known(vocabulary, "relationship", one("who")),
            age=age_of(one("age"), faults),
            occasion=known(vocabulary, "occasion", one("occasion")),
            hobbies=all_known(vocabulary, "hobby", every.get("hobby", ())),
            preferences=all_known(vocabulary, "preference", every.get("taste", ())),
            likes=free_words(every.get("likes", ()), faults),
            budget=budget,
            least=least,
            currency=currency,
            by=by,
            without=free_words(every.get("not", ()), faults),
            has=free_words(every.get("has", ()), faults),
            away=away_of(every.get("away", ())),
            like=id_of(one("like")),
            up=ids_of(every.get("up", ())),
            down=ids_of(every.get("down", ())),
            heard=one("heard") if one("heard").isalnum() and len(one("heard")) <= 16 else "",
            faults=tuple(dict.fromkeys(faults)),
        )

    @classmethod
    def of_wish(cls, wish: Wish) -> "Asked":
        """A wish that was kept."""
        profile = wish.profile
        return cls(
            who=profile.relationship,
            age=profile.age,
            occasion=profile.occasion,
            hobbies=profile.hobbies,
            preferences=profile.preferences,
            likes=wish.wishes,
            budget=profile.budget,
            least=wish.at_least,
            currency=profile.budget.currency,
            by=wish.day,
            without=wish.excluded,
            has=wish.owned,
            away=dict.fromkeys(wish.not_these[-MOST_AWAY:], "s"),
            like=wish.like or "",
        )

    def pairs(self) -> list[tuple[str, str]]:
        """As fields of an address, always in the same order."""
        found = [
            ("who", self.who),
            ("age", "" if self.age is None else str(self.age)),
            ("occasion", self.occasion),
            *(("hobby", word) for word in self.hobbies),
            *(("taste", word) for word in self.preferences),
            *(("likes", word) for word in self.likes),
            ("budget", plain(self.budget)),
            ("least", plain(self.least)),
            ("cur", self.currency if self.budget or self.least else ""),
            ("by", "" if self.by is None else self.by.isoformat()),
            *(("not", word) for word in self.without),
            *(("has", word) for word in self.has),
            *(("away", why + gift) for gift, why in self.away.items()),
            ("like", self.like),
            *(("up", gift) for gift in self.up),
            *(("down", gift) for gift in self.down),
            ("heard", self.heard),
        ]
        return [(name, text) for name, text in found if text]

    @property
    def query(self) -> str:
        return urlencode(self.pairs())

    @property
    def address(self) -> str:
        """Where its gifts are."""
        return f"/gifts?{self.query}" if self.query else "/gifts"

    def wish(self, today: date, defaults: Defaults | None = None) -> tuple[Wish, tuple[str, ...]]:
        """What the agent is asked, and which fields (keys of texts) had to be filled in."""
        default = defaults or Defaults()
        blank = [
            name
            for name, value in (
                ("who", self.who),
                ("age", self.age),
                ("occasion", self.occasion),
                ("budget", self.budget),
                ("by", self.by),
            )
            if not value
        ]
        by = self.by or today + timedelta(days=default.days_left)
        profile = Profile(
            age=self.age or default.age,
            hobbies=self.hobbies,
            preferences=self.preferences,
            relationship=self.who or default.relationship,
            occasion=self.occasion or default.occasion,
            budget=self.budget or self._usual(default),
            days_left=min(max((by - today).days, 0), YEAR),
        )
        wish = Wish(
            profile=profile,
            on=today,
            needed_by=max(by, today),
            wishes=self.likes,
            excluded=self.without,
            owned=self.has,
            not_these=tuple(self.away),
            like=self.like or None,
            at_least=self.least,
        )
        return wish, tuple(blank)

    def _usual(self, default: Defaults) -> Money:
        """The budget where none was said: twice the least, or the usual number of units."""
        minor = default.budget.minor * 10 ** digits(self.currency) // 100
        if not digits(self.currency):
            minor *= 100
        if self.least is not None:
            minor = max(minor, 2 * self.least.minor)
        return Money(minor=minor, currency=self.currency)

    # ---- what a click changes

    def set_aside(self, gift: str, why: str) -> "Asked":
        """Without a gift from now on."""
        rest = {one: reason for one, reason in self.away.items() if one != gift}
        away = dict(list({**rest, gift: why}.items())[-MOST_AWAY:])
        return replace(self, away=away, like="" if self.like == gift else self.like)

    def back(self, gift: str) -> "Asked":
        """With a gift that was set aside."""
        return replace(self, away={one: why for one, why in self.away.items() if one != gift})

    def thumb(self, gift: str, up: bool) -> "Asked":
        """A thumb, or none where it was given before."""
        given = gift in (self.up if up else self.down)
        ups = tuple(one for one in self.up if one != gift)
        downs = tuple(one for one in self.down if one != gift)
        if not given:
            ups, downs = ((*ups, gift), downs) if up else (ups, (*downs, gift))
        return replace(self, up=ups[-MOST_AWAY:], down=downs[-MOST_AWAY:])

"""The page's words, by language: everything a shopper reads stands in `texts/LANGUAGE.toml`.

The agent speaks English. Its sentences are of few kinds, so each language has patterns for them
(`[[said]]`); a sentence that no pattern knows stays English and is marked so, for screen readers
and for honesty.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

from starlette.requests import Request

from giftrec.money import Money
from reccore.errors import UserError

LANGUAGES = ("en", "de")
COOKIE = "language"
SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}
TERMS = ("hobby", "preference", "relationship", "occasion", "category", "aspect", "tool")
LONGEST_SAID = 1000


@dataclass(frozen=True)
class Said:
    """A sentence of the agent's, and its language where that is not the page's."""

    text: str
    lang: str | None = None


class Words:
    """One language: `words("basket.title")`, with facts filled in."""

    def __init__(self, language: str, tree: Mapping[str, Any]) -> None:
        self.language = language
        self._tree = tree
        self._texts = dict(_flat(tree["texts"]))
        self._said = [(re.compile(one["pattern"]), one["text"]) for one in tree["said"]]

    def __call__(self, key: str, /, **facts: object) -> str:
        """The text of a key; a number `n` chooses between the forms `one` and `other`."""
        text = self._texts.get(key)
        if text is None:
            text = self._texts[f"{key}.{'one' if facts.get('n') == 1 else 'other'}"]
        return text.format_map(facts)

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self._texts)

    @cached_property
    def name(self) -> str:
        """Of the language, in itself."""
        return self("language")

    def term(self, factor: str, word: str) -> str:
        """A word of the vocabulary; one that is not translated as it stands."""
        return str(self._tree["terms"].get(factor, {}).get(word, word.replace("_", " ")))

    def knows(self, factor: str, word: str) -> bool:
        return word in self._tree["terms"].get(factor, {})

    def relation(self, word: str) -> str:
        """A recipient in the middle of a sentence: "your sister or brother"."""
        return str(self._tree["recipients"].get(word, self.term("relationship", word)))

    def called(self, said: str, word: str) -> str:
        """A recipient by the shopper's own English word, where this is an English page."""
        form = self._tree.get("called")
        return self.relation(word) if form is None or not said else str(form).format(said=said)

    def anything(self, word: str) -> str:
        """A word of any factor."""
        known = (factor for factor in TERMS if self.knows(factor, word))
        return self.term(next(known, ""), word)

    def money(self, money: Money, short: bool = False) -> str:
        """`short`: without the cents where there are none."""
        amount, _, currency = str(money).partition(" ")
        whole, _, part = amount.partition(".")
        sign, whole = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
        thousands, point = self("number.thousands"), self("number.point")
        grouped = f"{int(whole):,}".replace(",", thousands)
        shown = grouped + (f"{point}{part}" if part and (part.strip("0") or not short) else "")
        symbol = SYMBOLS.get(currency)
        if symbol is None:
            return f"{sign}{shown} {currency}"
        return sign + self("number.money", symbol=symbol, amount=shown)

    def number(self, value: float, places: int = 1) -> str:
        return f"{value:.{places}f}".replace(".", self("number.point"))

    def day(self, day: date, year: bool = False) -> str:
        """With its weekday, or its year."""
        facts = {
            "day": day.day,
            "month": self._tree["calendar"]["months"][day.month - 1],
            "weekday": self._tree["calendar"]["weekdays"][day.weekday()],
            "year": day.year,
        }
        return self("date.with_year" if year else "date.with_weekday", **facts)

    def quoted(self, text: str) -> str:
        return self("quote", text=text)

    def list(self, words: "Iterator[str] | tuple[str, ...] | list[str]") -> str:
        """ "a, b and c"."""
        every = list(words)
        if len(every) < 2:
            return "".join(every)
        return f"{', '.join(every[:-1])} {self('and')} {every[-1]}"

    def said(self, text: str) -> Said:
        """A sentence of the agent's in this language, where a pattern knows it."""
        for pattern, form in self._said:
            found = pattern.fullmatch(text[:LONGEST_SAID])
            if found is not None:
                facts = {name: self._fact(name, part) for name, part in found.groupdict().items()}
                return Said(form.format_map(facts))
        return Said(text, None if self.language == "en" else "en")

    def _fact(self, name: str, text: str | None) -> str:
        """A part of a sentence; the group's name says what it is."""
        kind, text = name.rstrip("0123456789"), text or ""
        try:
            if kind in ("money", "budget"):
                return self.money(Money.parse(text), short=kind == "budget")
            if kind == "day":
                return self.day(date.fromisoformat(text))
        except (UserError, ValueError):
            return text
        if kind == "number":
            return text.replace(".", self("number.point"))
        if kind == "word":
            return self.anything(text.replace(" ", "_"))
        return self.term(kind, text.replace(" ", "_")) if kind in TERMS else text


@lru_cache(maxsize=len(LANGUAGES))
def words_of(language: str) -> Words:
    text = files(__package__).joinpath(f"texts/{language}.toml").read_text(encoding="utf-8")
    return Words(language, tomllib.loads(text))


def chosen(request: Request) -> str:
    """The language of whoever asks: as the link says, as was chosen before, as the browser says."""
    for said in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if said in LANGUAGES:
            return str(said)
    return preferred(request.headers.get("accept-language", ""))


def preferred(header: str) -> str:
    """The best of ours by an Accept-Language header, whatever it holds."""
    best, weight = LANGUAGES[0], 0.0
    for entry in header[:500].split(","):
        name, _, rest = entry.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        found = re.fullmatch(r"q=([01](?:\.[0-9]{1,3})?)", rest.strip())
        asked = float(found[1]) if found else (0.0 if rest.strip() else 1.0)
        if language in LANGUAGES and asked > weight:
            best, weight = language, asked
    return best


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, str(value)

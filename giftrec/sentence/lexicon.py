"""The word lists of the grammar, bound to a vocabulary, as one table of phrases.

The lists are data (`giftrec/vocabulary/sentence.toml`). A vocabulary's own words always stand for
themselves; rows of the lists whose word the vocabulary does not have are left out.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giftrec.sentence.spelling import Speller
from giftrec.sentence.tokens import Token, words_of
from giftrec.vocabulary import Vocabulary

TASTES = {"hobby": "hobbies", "preference": "preferences", "occasion": "occasions"}

STRONG = frozenset((*TASTES, "relationship"))


@dataclass(frozen=True)
class Meaning:
    """What a phrase can stand for. `near`: the value is not the word itself, but close to it."""

    kind: str
    value: str
    near: bool = False
    group: str = ""


@dataclass(frozen=True)
class Mark:
    """A phrase that was found: tokens[start:end]."""

    start: int
    end: int
    meanings: tuple[Meaning, ...]

    def of(self, kind: str) -> Meaning | None:
        return next((m for m in self.meanings if m.kind == kind), None)


@dataclass
class Lexicon:
    """All phrases by their first word, longest first, and the plain word sets of the rules."""

    lists: Mapping[str, Any]
    phrases: dict[str, list[tuple[tuple[str, ...], tuple[Meaning, ...]]]]
    currencies: dict[str, list[tuple[tuple[str, ...], str, bool]]]
    speller: Speller
    ignored: frozenset[str]
    silent: frozenset[str]
    occasions: frozenset[str]
    cues: dict[str, frozenset[str]] = field(default_factory=dict)
    compiled: dict[str, Any] = field(default_factory=dict)

    def marks(self, tokens: Sequence[Token], free: Sequence[bool]) -> Iterator[Mark]:
        """The longest known phrase at each place, from left to right, where `free`."""
        at = 0
        while at < len(tokens):
            found = self.longest(tokens, free, at)
            if found is None:
                at += 1
                continue
            yield found
            at = found.end

    def longest(self, tokens: Sequence[Token], free: Sequence[bool], at: int) -> Mark | None:
        """The longest known phrase that begins at a place."""
        for words, meanings in self.phrases.get(tokens[at].word, ()):
            end = at + len(words)
            if end <= len(tokens) and all(
                free[at + n] and tokens[at + n].word == word for n, word in enumerate(words)
            ):
                return Mark(at, end, meanings)
        return None


@lru_cache(maxsize=1)
def shipped_lists() -> Mapping[str, Any]:
    """The shipped English lists."""
    source = files("giftrec.vocabulary").joinpath("sentence.toml")
    return tomllib.loads(source.read_text(encoding="utf-8"))


def lexicon_of(vocabulary: Vocabulary) -> Lexicon:
    """The lists bound to `vocabulary`."""
    lists = shipped_lists()
    table: dict[tuple[str, ...], list[Meaning]] = {}

    def add(phrase: str, meaning: Meaning) -> None:
        words = words_of(phrase)
        known = table.setdefault(words, [])
        if words and not any(m.kind == meaning.kind for m in known):
            known.append(meaning)

    for phrase, meaning in _meanings(lists, vocabulary):
        add(phrase, meaning)
    for words, meanings in list(table.items()):  # plurals that no list names
        last = words[-1]
        if meanings[0].kind in {"relationship", "hobby"} and last.isalpha() and last[-1] != "s":
            plural = (*words[:-1], last + "s")
            table.setdefault(plural, list(meanings))
    by_first: dict[str, list[tuple[tuple[str, ...], tuple[Meaning, ...]]]] = {}
    for words, meanings in table.items():
        if words:
            by_first.setdefault(words[0], []).append((words, tuple(meanings)))
    for some in by_first.values():
        some.sort(key=lambda row: -len(row[0]))
    ignored = frozenset(lists["ignored"]["words"])
    return Lexicon(
        lists=lists,
        phrases=by_first,
        currencies=_currencies(lists),
        speller=_speller(table, lists, ignored),
        ignored=ignored,
        silent=ignored | {word for phrase in _spoken(lists) for word in words_of(phrase)},
        occasions=frozenset(vocabulary.levels("occasion")),
        cues={name: frozenset(some) for name, some in lists["cues"].items()},
    )


def _spoken(lists: Mapping[str, Any]) -> Iterator[str]:
    """Words of the grammar itself: they are never "not understood"."""
    for phrases in lists["cues"].values():
        yield from phrases


def _meanings(lists: Mapping[str, Any], vocabulary: Vocabulary) -> Iterator[tuple[str, Meaning]]:
    for kind in ("neutral", "dislikes", "not", "owns", "positive"):
        for phrase in lists["cues"][kind]:
            yield phrase, Meaning(kind, kind)
    for kind, name in TASTES.items():
        for value in vocabulary.levels(kind):
            yield value.replace("_", " "), Meaning(kind, value)
            row = lists[name].get(value, {})
            for phrase in row.get("forms", ()):
                yield phrase, Meaning(kind, value)
            for phrase in row.get("near", ()):
                yield phrase, Meaning(kind, value, near=True)
    yield from _people(lists, vocabulary)
    for name, phrases in lists["other_occasions"].items():
        for phrase in phrases:
            yield phrase, Meaning("other_occasion", name)
    for phrase in lists["plain"]["words"]:
        yield phrase, Meaning("plain", phrase)


def _people(lists: Mapping[str, Any], vocabulary: Vocabulary) -> Iterator[tuple[str, Meaning]]:
    known = vocabulary.levels("relationship")
    for group, row in lists["relationships"].items():
        if row["is"] in known:
            for phrase in row["words"]:
                yield phrase, Meaning("relationship", row["is"], row.get("near", False), group)
    for value in known:
        yield value.replace("_", " "), Meaning("relationship", value, group=value)
    for phrase in lists["someone"]["words"]:
        yield phrase, Meaning("someone", phrase)
    for ages, phrases in lists["ages"].items():
        for phrase in phrases:
            yield phrase, Meaning("age", ages)


def _currencies(lists: Mapping[str, Any]) -> dict[str, list[tuple[tuple[str, ...], str, bool]]]:
    table: dict[str, list[tuple[tuple[str, ...], str, bool]]] = {}
    for name, uncertain in (("currencies", False), ("uncertain_currencies", True)):
        for code, phrases in lists[name].items():
            for phrase in phrases:
                words = words_of(phrase)
                table.setdefault(words[0], []).append((words, code, uncertain))
    for some in table.values():
        some.sort(key=lambda row: -len(row[0]))
    return table


def _speller(
    table: Mapping[tuple[str, ...], Sequence[Meaning]],
    lists: Mapping[str, Any],
    ignored: Iterable[str],
) -> Speller:
    """Typos are read against the grammar's words; ordinary English words are never typos."""
    targets: dict[str, object] = {}
    pieces: set[str] = set(ignored)
    for words, meanings in table.items():
        if len(words) == 1:
            targets[words[0]] = [(m.kind, m.value) for m in meanings]
        else:
            pieces.update(words)
    numbers, calendar = lists["numbers"], lists["calendar"]
    for rows in (*numbers.values(), *calendar.values()):
        for word, value in rows.items():
            targets.setdefault(word, (word if value is None else value, "number"))
    for phrases in (*lists["currencies"].values(), *lists["cues"].values()):
        for phrase in phrases:
            pieces.update(words_of(phrase))
    for word in sorted(pieces):
        targets.setdefault(word, word)
    strong = {
        words[0]
        for words, meanings in table.items()
        if len(words) == 1 and meanings[0].kind in STRONG and not meanings[0].near
    }
    ordinary = lists["ordinary"]["words"].split()
    return Speller(targets, ordinary, strong | set(calendar["months"]) | set(calendar["weekdays"]))

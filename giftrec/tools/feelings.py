"""Which sentence says what about which aspect of a gift, by lists of words anybody can read.

A sentence's feeling is the sum of its words', stronger after "very", turned and weakened after a
negation. Sentences are cut where they turn ("but"), so that one half does not speak for the other.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import tanh
from typing import NamedTuple

WORD = re.compile(r"[a-z]+(?:'[a-z]+)*|[!?]")
SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
NEGATED = -0.7  # what a negation makes of a feeling
STRONGER = 1.4
HARMLESS = 2.0  # what "no problem" says
BEFORE = 3  # words that a negation reaches
MOST_TEXT = 20_000  # characters of one review that are read


@dataclass(frozen=True)
class Mark:
    """What the lists say of one word."""

    feeling: float | None
    aspects: tuple[str, ...]
    begins: bool  # a word pair of the lists
    negates: bool


@dataclass(frozen=True)
class Lexicon:
    """The shipped lists of words."""

    names: tuple[str, ...]  # of the aspects
    marks: dict[str, Mark]  # of words that say anything; most do not
    pairs: dict[str, tuple[str, ...]]  # word pair -> aspects
    negations: frozenset[str]
    stronger: frozenset[str]
    turns: frozenset[str]
    harmless: frozenset[str]


class Part(NamedTuple):
    """A sentence, or the half of one: its words, what it is about and how it feels (-1 to 1)."""

    text: str
    words: tuple[str, ...]
    aspects: tuple[str, ...]
    feeling: float


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    written = tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))
    aspects: dict[str, tuple[str, ...]] = {}
    for aspect, terms in written["aspects"].items():
        for term in terms:
            aspects[term] = (*aspects.get(term, ()), aspect)
    feelings = {word: float(f) for f, words in written["feelings"].items() for word in words}
    grammar = {name: frozenset(words) for name, words in written["grammar"].items()}
    pairs = {term: about for term, about in aspects.items() if " " in term}
    firsts = {term.split()[0] for term in pairs}
    negations = grammar["negations"]
    marks = {
        word: Mark(feelings.get(word), aspects.get(word, ()), word in firsts, word in negations)
        for word in (set(aspects) - set(pairs)) | set(feelings) | firsts | negations
    }
    return Lexicon(tuple(written["aspects"]), marks, pairs, **grammar)


def words_of(text: str) -> list[str]:
    """Lower-case words; the marks ! and ? are words too."""
    return WORD.findall(text[:MOST_TEXT].lower().replace("’", "'"))


def parts_of(text: str) -> list[Part]:
    """A review, cut into what is said one by one."""
    known = lexicon()
    parts = []
    for sentence in SENTENCE.split(text[:MOST_TEXT]):
        words = words_of(sentence)
        if not words:
            continue
        if known.turns.isdisjoint(words):
            parts.append(_part(sentence.strip(), tuple(words), known))
            continue
        cuts = [n for n, word in enumerate(words) if word in known.turns and n > 0]
        for start, end in zip([0, *cuts], [*cuts, len(words)], strict=True):
            part = tuple(words[start:end])
            parts.append(_part(" ".join(part), part, known))
    return parts


def _part(text: str, words: tuple[str, ...], known: Lexicon) -> Part:
    aspects, feeling = judged(words, known)
    return Part(text, words, aspects, feeling)


def judged(words: Sequence[str], known: Lexicon) -> tuple[tuple[str, ...], float]:
    """What some words are about, and how they feel, -1 to 1; 0 says nothing."""
    found: dict[str, None] = {}
    total, last = 0.0, len(words) - 1
    for n, word in enumerate(words):
        mark = known.marks.get(word)
        if mark is None:
            continue
        for aspect in mark.aspects:
            found[aspect] = None
        if mark.begins and n < last:
            found.update(dict.fromkeys(known.pairs.get(f"{word} {words[n + 1]}", ())))
        if mark.feeling is not None:
            total += _felt(words[max(0, n - BEFORE) : n], word, mark.feeling, known)
        elif mark.negates and n < last and f"{word} {words[n + 1]}" in known.harmless:
            total += HARMLESS
    return tuple(found), tanh(total / 4)


def _felt(before: Sequence[str], word: str, feeling: float, known: Lexicon) -> float:
    """A word's feeling after the words before it."""
    if not before:
        return feeling
    if before[-1] in known.stronger:
        feeling *= STRONGER
    if known.negations.isdisjoint(before):
        return feeling
    return 0.0 if f"{before[-1]} {word}" in known.harmless else NEGATED * feeling

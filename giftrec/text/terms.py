"""Free words and the vocabulary's terms: "did you mean", and which known hobby a free one is.

A word is a term's own name, a known relative of it (`kin.toml`), alike in meaning (where an
encoder knows meaning), or a misspelling of a name (not of a relative: pottery is no poetry); the
surest is taken, and which it was is said.
"""

import difflib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Literal

import numpy as np

from giftrec.text.encoder import Remembering
from giftrec.text.sparse import Floats, Numbers
from giftrec.text.words import folded, words
from giftrec.vocabulary import Vocabulary, default_vocabulary

By = Literal["name", "kin", "meaning", "spelling"]
KINDS = ("hobby", "preference", "relationship", "occasion", "category")
KIN = 0.9  # confidence in a listed relative
PART = 0.75  # in one word of several that is a listed relative
ALIKE = 0.8  # share of letters from which a word is a term misspelt
SURE = 0.45  # confidence from which a free hobby is mapped


@dataclass(frozen=True)
class Near:
    """A term near a word."""

    term: str
    kind: str
    confidence: float
    by: By


@dataclass(frozen=True)
class Mapped:
    """A free word and the term it is taken for; None where nothing is sure enough."""

    word: str
    near: Near | None


@lru_cache(maxsize=1)
def kin() -> dict[str, dict[str, list[str]]]:
    """kind -> term -> its relatives"""
    text = files(__package__).joinpath("kin.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def tidy(word: str) -> str:
    """Words folded to be compared: `Rock-Climbing ` -> `rock climbing`."""
    return " ".join(words(word.replace("_", " ")))


@dataclass(frozen=True, eq=False)
class Terms:
    """All terms with their relatives; `meaning` is None for encoders that know none."""

    vocabulary: Vocabulary
    meaning: Remembering | None = None

    @classmethod
    def of(
        cls, vocabulary: Vocabulary | None = None, meaning: Remembering | None = None
    ) -> "Terms":
        return cls(vocabulary or default_vocabulary(), meaning)

    @cached_property
    def names(self) -> list[tuple[str, str]]:
        """(kind, term), the order of everything here"""
        return [(kind, term) for kind in KINDS for term in self.vocabulary.levels(kind)]

    @cached_property
    def sayings(self) -> tuple[list[str], Numbers]:
        """All ways to say terms, and the number of the term each says: its name comes first."""
        texts, of = [], []
        for number, (kind, term) in enumerate(self.names):
            said = [term.replace("_", " "), *kin().get(kind, {}).get(term, [])]
            texts.extend(said)
            of.extend([number] * len(said))
        return texts, np.array(of, dtype=np.int64)

    @cached_property
    def spoken(self) -> dict[str, list[tuple[int, bool]]]:
        """A tidy saying -> (its term, whether it is the term's name)"""
        found: dict[str, list[tuple[int, bool]]] = {}
        texts, of = self.sayings
        seen: set[int] = set()
        for text, number in zip(texts, of.tolist(), strict=True):
            found.setdefault(tidy(text), []).append((number, number not in seen))
            seen.add(number)
        return found

    @cached_property
    def vectors(self) -> Floats:
        assert self.meaning is not None
        return self.meaning.encoder.encode(self.sayings[0])

    def nearest(self, word: str, kind: str | None = None, count: int = 3) -> list[Near]:
        """The terms nearest to a word, best first; of one kind, or of all."""
        said = tidy(word)
        if not said:
            return []
        best: dict[int, Near] = {}

        def offer(number: int, confidence: float, by: By) -> None:
            here, term = self.names[number]
            rounded = round(min(1.0, max(0.0, confidence)), 3)
            if (kind is None or here == kind) and rounded > 0:
                known = best.get(number)
                if known is None or rounded > known.confidence:
                    best[number] = Near(term, here, rounded, by)

        for number, named in self.spoken.get(said, []):
            offer(number, 1.0 if named else KIN, "name" if named else "kin")
        parts = said.split()
        if len(parts) > 1:
            for part in parts:
                for number, named in self.spoken.get(part, []):
                    offer(number, PART, "name" if named else "kin")
        if self.meaning is not None:
            alike = self.vectors @ self.meaning.encode([word])[0]
            for number, cosine in zip(self.sayings[1].tolist(), alike.tolist(), strict=True):
                offer(number, cosine * KIN, "meaning")
        plain = " ".join(folded(word.replace("_", " ")).split())
        for number, (_, term) in enumerate(self.names):
            letters = difflib.SequenceMatcher(None, term.replace("_", " "), plain)
            if letters.real_quick_ratio() >= ALIKE and letters.quick_ratio() >= ALIKE:
                ratio = letters.ratio()
                if ratio >= ALIKE:
                    offer(number, ratio * KIN, "spelling")
        ranked = sorted(best.items(), key=lambda item: (-item[1].confidence, item[0]))
        return [near for _, near in ranked[:count]]

    def map(self, free: Sequence[str], kind: str = "hobby", sure: float = SURE) -> list[Mapped]:
        """Each free word with the term of that kind it is taken for, where one is sure enough."""
        found = []
        for word in free:
            near = self.nearest(word, kind, 1)
            found.append(Mapped(word, near[0] if near and near[0].confidence >= sure else None))
        return found

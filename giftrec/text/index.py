"""Free words against gift texts: vectors of a snapshot's gifts, made once and asked often."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from giftrec.text.encoder import Choice, Encoder, Remembering, choose
from giftrec.text.exact import ExactWords
from giftrec.text.gift_texts import BODY, HEAD, GiftTexts
from giftrec.text.sparse import Floats, Numbers
from giftrec.text.terms import Mapped, Near, Terms
from giftrec.text.tfidf import TfIdf
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError

MOST_WISHES, LONGEST_WISH = 40, 400
POWER = 3.0  # how much more a wish met well counts than several met a little
BLOCK = 4096  # gifts encoded at a time


@dataclass(frozen=True)
class Matched:
    """How well gifts meet wishes. `notes` says what a shopper has to know."""

    scores: Floats  # [G] 0 to 1, all wishes together
    wishes: Floats  # [W, G] 0 to 1, each wish
    far: tuple[str, ...]  # wishes that nothing is close to; they do not count in `scores`
    encoder: str
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class TextIndex:
    """G gifts. Immutable; safe to share between threads."""

    ids: tuple[str, ...]
    vectors: Floats  # [G, width] of length 1, or 0 where a gift says nothing
    exact: ExactWords
    encoder: Encoder
    vocabulary: Vocabulary | None = None
    degraded: str | None = None

    @classmethod
    def build(
        cls,
        gifts: pl.DataFrame | GiftTexts,
        choice: Choice | Encoder | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> "TextIndex":
        """Encode all gifts with the encoder chosen; None: the best that is installed."""
        texts = gifts if isinstance(gifts, GiftTexts) else GiftTexts.of(gifts)
        if choice is None:
            choice = choose()
        elif not isinstance(choice, Choice):
            choice = Choice(choice)
        whole = texts.whole
        encoder = choice.encoder if choice.encoder is not None else TfIdf.fit(whole)
        vectors = rounded(gift_vectors(texts, encoder))
        exact = ExactWords.of(whole)
        return cls(texts.ids, vectors, exact, encoder, vocabulary, choice.degraded)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def queries(self) -> Remembering:
        return Remembering(self.encoder)

    @cached_property
    def terms(self) -> Terms:
        """TF-IDF knows no meaning of words that no gift has: it maps by kin and spelling."""
        meaning = None if isinstance(self.encoder, TfIdf) else self.queries
        return Terms.of(self.vocabulary, meaning)

    def match(self, wishes: Sequence[str], weights: Sequence[float] | None = None) -> Matched:
        """Scores of all gifts for some wishes, each with a weight (1 by default).

        Together they are a weighted power mean: a gift that meets one wish well is better than
        one that meets all of them a little, and one that meets two well is better still.
        """
        wishes, weight = _checked(wishes, weights)
        each = self._each(wishes)
        read = self._read_as_hobbies(wishes, each)
        best = each.max(axis=1, initial=0.0)
        near = best >= self.encoder.close
        far = tuple(wish for wish, close in zip(wishes, near.tolist(), strict=True) if not close)
        counted = np.where(near, weight, 0.0)
        total = counted.sum()
        scores = np.zeros(len(self), dtype=np.float32)
        if total > 0:
            share = (counted / total).astype(np.float32)
            scores = (share @ each**POWER) ** np.float32(1 / POWER)
        notes = tuple(f"nothing close to {wish[:60]!r}" for wish in far)
        notes = (*((self.degraded,) if self.degraded else ()), *read, *notes)
        return Matched(scores, each, far, self.encoder.name, notes)

    def _read_as_hobbies(self, wishes: Sequence[str], each: Floats) -> tuple[str, ...]:
        """Where vectors know no meaning, a listed relative of a hobby finds that hobby's gifts too.

        Raises the scores [W, G] in place; says which wish was read as what.
        """
        if self.terms.meaning is not None:
            return ()
        read = []
        for row, wish in enumerate(wishes):
            near = self.nearest_terms(wish, "hobby", 1)
            if near and near[0].by == "kin":
                name = near[0].term.replace("_", " ")
                meant = near[0].confidence * self._each([name])[0]
                if (meant > each[row]).any():
                    np.maximum(each[row], meant, out=each[row])
                    read.append(f"{wish[:60]!r} was read as {name}")
        return tuple(read)

    def best(self, wish: str, count: int = 10) -> list[tuple[str, float]]:
        """Ids and scores of the gifts nearest to one wish."""
        scores = self.match([wish]).wishes[0]
        order = np.argsort(-scores, kind="stable")[:count]
        return [(self.ids[row], round(float(scores[row]), 4)) for row in order]

    def nearest_terms(self, word: str, kind: str | None = None, count: int = 3) -> list[Near]:
        """Terms of the vocabulary nearest to a word: "did you mean"."""
        return self.terms.nearest(word[:LONGEST_WISH], kind, count)

    def map_hobbies(self, free: Sequence[str]) -> list[Mapped]:
        """Free hobbies as hobbies of the vocabulary, where one is sure enough."""
        return self.terms.map([word[:LONGEST_WISH] for word in free], "hobby")

    def rows(self, ids: Sequence[str]) -> Numbers:
        """Places of some gifts."""
        return np.array([self._places[gift] for gift in ids], dtype=np.int64)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {gift: row for row, gift in enumerate(self.ids)}

    def _each(self, wishes: Sequence[str]) -> Floats:
        """[W, G] share of the very words and likeness of the vectors, as the encoder weighs."""
        if not wishes or not len(self):
            return np.zeros((len(wishes), len(self)), dtype=np.float32)
        alike = self.queries.encode(wishes) @ self.vectors.T
        share = np.stack([self.exact.share(wish) for wish in wishes])
        mixed = (1 - self.encoder.exact) * np.maximum(alike, 0) + self.encoder.exact * share
        scores: Floats = np.clip(mixed, 0, 1).astype(np.float32)
        return scores


def gift_vectors(texts: GiftTexts, encoder: Encoder) -> Floats:
    """[G, width] head and body, as they weigh, of length 1."""
    heads, bodies = (_encoded(fields, encoder) for fields in (texts.heads, texts.bodies))
    return _unit(HEAD * heads + BODY * bodies)


def _encoded(fields: Sequence[str], encoder: Encoder) -> Floats:
    """[G, width] of length 1, or 0 where empty; a text that many gifts share is encoded once."""
    distinct = {
        text: row for row, text in enumerate(dict.fromkeys(text for text in fields if text))
    }
    known = list(distinct)
    vectors = np.zeros((len(known) + 1, encoder.width), dtype=np.float32)  # the last is no text
    for start in range(0, len(known), BLOCK):
        block = known[start : start + BLOCK]
        vectors[start : start + len(block)] = _unit(encoder.encode(block))
    return vectors[[distinct.get(text, len(known)) for text in fields]]


def rounded(vectors: Floats) -> Floats:
    """As they come back from the file, so that a fresh index answers as a stored one."""
    return vectors.astype(np.float16).astype(np.float32)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 1e-6, vectors / np.maximum(lengths, 1e-6), 0).astype(np.float32)


def _checked(
    wishes: Sequence[str], weights: Sequence[float] | None
) -> tuple[list[str], "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
    if isinstance(wishes, str):
        raise UserError(f"wishes are one text: {wishes[:60]!r}", "give a list of texts")
    if len(wishes) > MOST_WISHES:
        raise UserError(f"{len(wishes)} wishes", f"give at most {MOST_WISHES}")
    for wish in wishes:
        if len(wish) > LONGEST_WISH:
            raise UserError(f"a wish of {len(wish)} characters", f"at most {LONGEST_WISH}")
    weight = np.ones(len(wishes)) if weights is None else np.asarray(weights, dtype=np.float64)
    if weight.shape != (len(wishes),):
        raise UserError(f"{len(wishes)} wishes and {weight.size} weights", "give a weight a wish")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise UserError("a weight is negative or no number", "weights are 0 or more")
    return list(wishes), weight

"""The fallback encoder: TF-IDF of words and their character n-grams, folded by an SVD.

A word is a bucket of its own and the buckets of its n-grams, which is what an unknown spelling
still shares with a known one; a text is the sum of its words, each by how rare it is (smoothed
inverse document frequency, logarithmic counts; Salton and Buckley 1988), folded onto the strongest
directions of the gifts' texts (Deerwester et al. 1990). Tables are bounded, whatever the texts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giftrec.text.sparse import Arrays, Floats, Numbers, Sparse
from giftrec.text.svd import directions
from giftrec.text.words import bucket, grams, words
from reccore.data.seeds import rng

WORDS, GRAMS = 1 << 15, 1 << 14  # buckets
WORD_SHARE = 0.7  # of a word's squared length; the rest is its n-grams'
WIDTH = 128
SAMPLE = 20_000  # texts from which the directions are learned
LEAST = 1e-6


@dataclass(frozen=True)
class Counted:
    """N texts as rows over T distinct words, and those words as rows over buckets."""

    texts: Sparse  # [N, T] counts
    own: Numbers  # [T] each word's own bucket
    parts: Sparse  # [T, GRAMS] ones at its n-grams

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Counted":
        known: dict[str, int] = {}
        rows: list[list[int]] = []
        values: list[list[float]] = []
        for text in texts:
            counts = Counter(words(text))
            rows.append([known.setdefault(word, len(known)) for word in counts])
            values.append([float(count) for count in counts.values()])
        own = np.array([bucket(word, WORDS) for word in known], dtype=np.int64)
        pieces = [[bucket(gram, GRAMS) for gram in grams(word)] for word in known]
        ones = [[1.0] * len(row) for row in pieces]
        return cls(Sparse.of(rows, values, len(known)), own, Sparse.of(pieces, ones, GRAMS))


@dataclass(frozen=True)
class Weights:
    """How telling each bucket is."""

    word: Floats  # [WORDS]
    gram: Floats  # [GRAMS]

    @classmethod
    def of(cls, counted: Counted) -> "Weights":
        """Words by the texts that have them, n-grams by the distinct words that have them."""
        pairs = np.unique(counted.texts.rows * WORDS + counted.own[counted.texts.columns])
        return cls(
            _rarity(np.bincount(pairs % WORDS, minlength=WORDS), len(counted.texts)),
            _rarity(np.bincount(counted.parts.columns, minlength=GRAMS), len(counted.own)),
        )


def _rarity(having: Numbers, total: int) -> Floats:
    return (np.log((1 + total) / (1 + having)) + 1).astype(np.float32)


@dataclass(frozen=True)
class Weighted:
    """Texts [N, T] of length 1 over their words, times words [T, buckets] of length 1."""

    texts: Sparse
    terms: Sparse

    @classmethod
    def of(cls, counted: Counted, weights: Weights) -> "Weighted":
        telling = weights.word[counted.own]  # [T]
        counts = counted.texts
        values = ((1 + np.log(counts.values)) * telling[counts.columns]).astype(np.float32)
        texts = Sparse(counts.starts, counts.columns, values, counts.width).unit()
        return cls(texts, _terms(counted, weights))

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.texts), self.terms.width

    def among(self, seen: Numbers) -> "Weighted":
        """Only those buckets, renumbered; what the others weigh is lost."""
        terms = self.terms
        at = np.searchsorted(seen, terms.columns)
        known = np.append(seen, -1)[at] == terms.columns
        starts = np.concatenate([[0], np.cumsum(known)])[terms.starts]
        kept = Sparse(starts, at[known], terms.values[known], len(seen))
        return Weighted(self.texts, kept)

    def times(self, dense: Floats) -> Floats:
        return self.texts.times(self.terms.times(dense))

    def transposed_times(self, dense: Floats) -> Floats:
        return self.terms.transposed().times(self.texts.transposed().times(dense))


def _terms(counted: Counted, weights: Weights) -> Sparse:
    """[T, WORDS + GRAMS] a word's own bucket first, then those of its n-grams."""
    parts = counted.parts
    gram = Sparse(parts.starts, parts.columns, weights.gram[parts.columns], GRAMS).unit()
    total = len(counted.own)
    at = gram.starts[:-1]
    columns = np.insert(gram.columns + WORDS, at, counted.own)
    values = np.insert(gram.values * (1 - WORD_SHARE) ** 0.5, at, WORD_SHARE**0.5)
    return Sparse(
        gram.starts + np.arange(total + 1), columns, values.astype(np.float32), WORDS + GRAMS
    )


@dataclass(frozen=True, eq=False)
class TfIdf:
    """Fitted on gifts' texts. A query's length says how much of it the gifts' words explain."""

    weights: Weights
    seen: Numbers  # [C] buckets that the gifts' texts have, ascending
    basis: Floats  # [C, width]

    name = "tfidf-svd"
    version = "1"
    exact = 0.5
    close = 0.25

    @property
    def width(self) -> int:
        return int(self.basis.shape[1])

    @classmethod
    def fit(cls, texts: Sequence[str], width: int = WIDTH, seed: int = 0) -> "TfIdf":
        """From all the texts, or from a fixed sample of them where there are very many."""
        if len(texts) > SAMPLE:
            rows = np.sort(rng(seed, "texts").choice(len(texts), SAMPLE, replace=False))
            texts = [texts[row] for row in rows]
        counted = Counted.of(texts)
        weights = Weights.of(counted)
        seen = np.unique(np.concatenate([counted.own, counted.parts.columns + WORDS]))
        basis, _ = directions(Weighted.of(counted, weights).among(seen), width, seed)
        kept = basis.astype(np.float16).astype(np.float32)  # as it will be stored
        return cls(weights, seen, kept)

    def encode(self, texts: Sequence[str]) -> Floats:
        """[N, width] folded onto the gifts' directions; unknown words shorten a row."""
        weighted = Weighted.of(Counted.of(texts), self.weights).among(self.seen)
        folded = weighted.times(self.basis)
        lengths = np.linalg.norm(folded, axis=1, keepdims=True)
        rows: Floats = folded / np.maximum(lengths, 1.0)
        return rows

    def arrays(self) -> Arrays:
        """What has to be stored."""
        return {
            "idf_words": self.weights.word,
            "idf_grams": self.weights.gram,
            "seen": self.seen.astype(np.int32),
            "basis": self.basis.astype(np.float16),
        }

    @classmethod
    def restored(cls, arrays: Arrays) -> "TfIdf":
        return cls(
            Weights(arrays["idf_words"], arrays["idf_grams"]),
            arrays["seen"].astype(np.int64),
            arrays["basis"].astype(np.float32),
        )

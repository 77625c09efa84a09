"""How much of a query's very words a gift's text has: what vectors forget of rare names.

An inverted index over hashed words: bucket -> the gifts that have it. Rare words count more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from giftrec.text.sparse import Arrays, Floats, Numbers
from giftrec.text.words import bucket, words

BUCKETS = 1 << 16


@dataclass(frozen=True, eq=False)
class ExactWords:
    """G gifts by the words they have."""

    starts: Numbers  # [BUCKETS + 1]
    gifts: npt.NDArray[np.int32]  # [n] ascending in each bucket
    count: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> "ExactWords":
        known: dict[str, int] = {}
        having: list[int] = []
        lengths = np.zeros(len(texts), dtype=np.int64)
        for row, text in enumerate(texts):
            found = set()
            for word in words(text):
                place = known.get(word)
                if place is None:
                    place = known[word] = bucket(word, BUCKETS)
                found.add(place)
            having.extend(sorted(found))
            lengths[row] = len(found)
        places = np.array(having, dtype=np.int64)
        order = np.argsort(places, kind="stable")
        starts = np.zeros(BUCKETS + 1, dtype=np.int64)
        np.cumsum(np.bincount(places, minlength=BUCKETS), out=starts[1:])
        rows = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
        return cls(starts, rows[order], len(texts))

    def share(self, query: str) -> Floats:
        """[G] the weight of the query's words that each gift has, of all their weight."""
        found = np.zeros(self.count, dtype=np.float32)
        total = 0.0
        for word in dict.fromkeys(words(query)):
            place = bucket(word, BUCKETS)
            having = self.gifts[self.starts[place] : self.starts[place + 1]]
            weight = float(np.log((1 + self.count) / (1 + len(having))) + 1)
            found[having] += weight
            total += weight
        return found / total if total else found

    def arrays(self) -> Arrays:
        return {"word_starts": self.starts.astype(np.int32), "word_gifts": self.gifts}

    @classmethod
    def restored(cls, arrays: Arrays, count: int) -> "ExactWords":
        return cls(arrays["word_starts"].astype(np.int64), arrays["word_gifts"], count)

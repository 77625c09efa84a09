"""What every scorer is: a recommender made from arrays and graphs, without what trained it.

Evaluation and recommending treat it like the model it was made from. A user's row is the row of
zeros where the user is unknown.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.bundle.remembered import Remembered
from reccore.data.ids import Codes
from reccore.data.interactions import Floats
from reccore.metrics.topk import Items
from reccore.recommender import Arrays, Recommender, UserBatch

Call = Callable[..., Floats]


@dataclass(frozen=True)
class Loaded:
    """What a scorer is made from."""

    items: Arrays
    users: Arrays
    other: Arrays
    graphs: Mapping[str, Call]
    options: Mapping[str, Any]


class Scorer(Recommender):
    """A recommender that was loaded; it cannot learn."""

    def __init__(self, parts: Loaded, size: int, from_history: bool) -> None:
        self.parts, self.size = parts, size
        self.from_history = from_history  # type: ignore[misc]  # of the class, elsewhere
        self.rates = "rating" in parts.options

    @property
    def temporal(self) -> str:
        """What it reads of time: off, events (when items were met), now (when it is asked, too)."""
        return str(self.parts.options.get("temporal", "off"))

    def arrays(self) -> Arrays:
        return {**self.parts.items, **self.parts.users, **self.parts.other}

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        raise TypeError("a bundle's scorer is opened, not restored")

    def predict(self, users: Codes, items: Codes) -> Floats:
        """Ratings of pairs, on the data's scale and within its range."""
        if not self.rates:
            return super().predict(users, items)
        scale = self.parts.options["rating"]
        numbers = self.pairs(users, items) * scale["deviation"] + scale["mean"]
        ratings: Floats = np.clip(numbers, scale["low"], scale["high"]).astype(np.float32)
        return ratings

    def pairs(self, users: Codes, items: Codes) -> Floats:
        """Scores of pairs: [N]."""
        raise TypeError(f"{type(self).__name__} does not score pairs")

    def user_rows(self, codes: Codes) -> dict[str, Floats]:
        """Each user table's rows [B, ...]; zeros for the unknown."""
        return {name: rows_of(table, codes) for name, table in self.parts.users.items()}


def rows_of(table: npt.NDArray[Any], codes: Codes) -> Floats:
    """[B, ...] with zeros where the code is -1."""
    known = (codes >= 0) & (codes < len(table))
    if not len(table):
        return np.zeros((len(codes), *table.shape[1:]), dtype=np.float32)
    rows = np.asarray(table[np.where(known, codes, 0)], dtype=np.float32)
    rows[~known] = 0
    return rows


class Vectors(Scorer):
    """Scores that are inner products, so that an index over the items answers."""

    @abstractmethod
    def user_vectors(self, users: UserBatch) -> Floats:
        """[B, d]"""

    remembered: Remembered | None = None
    """Vectors of who asked lately, where a server keeps them."""

    def vectors_of(self, users: UserBatch) -> Floats:
        """The same, remembered for who asks alone."""
        if self.remembered is None or len(users) != 1:
            return self.user_vectors(users)
        return self.remembered.of(users, self.user_vectors)

    @property
    def candidates(self) -> int:
        """Best items that are looked at again before answering; 0: none are."""
        return 0

    def rerank(
        self, users: UserBatch, mine: Floats, items: Items, scores: Floats
    ) -> tuple[Items, Floats]:
        """Candidates [B, N], best first, of users with vectors `mine` [B, d], in their final
        order; item -1 is no candidate."""
        return items, scores

    @property
    def item_vectors(self) -> Floats:
        """[I, d]"""
        vectors: Floats = self.parts.items["vectors"]  # type: ignore[assignment]
        return vectors

    biased = True
    """The last number of an item's vector is its bias, which says nothing of what it is like."""

    @property
    def directions(self) -> Floats:
        """Item vectors without their biases: what is alike points the same way."""
        return self.item_vectors[:, :-1] if self.biased else self.item_vectors

    def score(self, users: UserBatch) -> Floats:
        scores: Floats = self.vectors_of(users) @ self.item_vectors.T
        return scores

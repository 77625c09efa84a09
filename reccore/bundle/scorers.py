"""How each kind of model scores, from arrays and graphs alone: numpy and ONNX Runtime.

Every scorer is a `Recommender`, so evaluation and recommending treat it like the model it was
made from. A user's row is the row of zeros where the user is unknown.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.bundle.quantise import grow_sparse
from reccore.data.ids import Codes
from reccore.data.interactions import Floats, Histories
from reccore.data.temporal import asked_moments, gap_buckets, moments
from reccore.metrics.topk import Items
from reccore.recommender import Arrays, Recommender, UserBatch

USERS = 256  # of a block of pairs, at most
TOGETHER = 32  # sequences that a graph reads at once: of like length, so that little is padded
NUMBERS = 2**22  # in the widest array of a block of pairs: 16 MiB
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


class Constant(Scorer):
    """The same scores for everyone."""

    def score(self, users: UserBatch) -> Floats:
        return np.repeat(np.asarray(self.parts.items["score"])[None], len(users), axis=0)


class Neighbours(Scorer):
    """Sums of the history's rows of an item-item matrix: dense [I, I], or sparse rows."""

    def __init__(self, parts: Loaded, size: int, from_history: bool) -> None:
        other = grow_sparse(parts.other)
        super().__init__(replace(parts, other=other), size, from_history)

    def score(self, users: UserBatch) -> Floats:
        histories = distinct(users.histories)
        sums = self._dense if "weights" in self.parts.items else self._sparse
        scores = np.zeros((len(users), self.size), dtype=np.float32)
        for row in np.flatnonzero(histories.lengths).tolist():
            scores[row] = sums(histories.row(row))
        return scores

    def _dense(self, met: Codes) -> Floats:
        weights = self.parts.items["weights"]
        sums: Floats = np.asarray(weights[met], np.float32).sum(axis=0)
        return sums

    def _sparse(self, met: Codes) -> Floats:
        """Row by row: for many users at once the numbers would not stay in the cache."""
        columns, values, starts = (self.parts.other[name] for name in ("indices", "data", "indptr"))
        bounds = zip(starts[met].tolist(), starts[met + 1].tolist(), strict=True)
        rows = [slice(*ends) for ends in bounds]
        flat = np.concatenate([columns[row] for row in rows])
        weights = np.concatenate([values[row] for row in rows])
        sums: Floats = np.bincount(flat, weights, self.size).astype(np.float32)
        return sums


class Vectors(Scorer):
    """Scores that are inner products, so that an index over the items answers."""

    @abstractmethod
    def user_vectors(self, users: UserBatch) -> Floats:
        """[B, d]"""

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

    def score(self, users: UserBatch) -> Floats:
        scores: Floats = self.user_vectors(users) @ self.item_vectors.T
        return scores


class FoldIn(Vectors):
    """Implicit ALS: a user is the least squares of the history (Hu, Koren & Volinsky 2008)."""

    def __init__(self, parts: Loaded, size: int, from_history: bool) -> None:
        super().__init__(parts, size, from_history)
        self.gram = self.item_vectors.T @ self.item_vectors

    def user_vectors(self, users: UserBatch) -> Floats:
        how, histories = self.parts.options, distinct(users.histories)
        vectors = np.zeros((len(users), self.gram.shape[0]), dtype=np.float32)
        for row in range(len(users)):
            met = histories.row(row)
            if not len(met):
                continue
            own = np.asarray(self.item_vectors[met], dtype=np.float64)
            confidence = self.size + (how["alpha"] - 1) * len(met)
            mean = how["mean_confidence"]
            ridge = how["regularization"] * np.sqrt(mean)
            ridge *= (confidence / mean) ** how["frequency_exponent"]
            matrix = self.gram + (how["alpha"] - 1) * own.T @ own
            matrix[np.diag_indices_from(matrix)] += ridge
            vectors[row] = np.linalg.solve(matrix, how["alpha"] * own.sum(axis=0))
        return vectors


class Factors(Vectors):
    """Known users' own vectors."""

    def user_vectors(self, users: UserBatch) -> Floats:
        vectors = self.user_rows(users.codes)["vectors"]
        vectors[:, -1] = 1.0  # the items' biases count for the unknown too
        return vectors

    def pairs(self, users: Codes, items: Codes) -> Floats:
        mine = self.user_vectors(UserBatch(users, Histories.empty(len(users))))
        scores: Floats = (mine * rows_of(self.item_vectors, items)).sum(axis=1)
        return scores


class Encoder(Vectors):
    """A graph makes the user's vector from the pooled history and the user's own row.

    With a graph `rerank` the best unseen candidates look at the history's recent items, and are
    lifted above the rest in their new order.
    """

    def user_vectors(self, users: UserBatch) -> Floats:
        how, table = self.parts.options, self.parts.items["history"]
        pooled = pooled_rows(table, users.histories, how["bag_norm"], how["bag_scale"])
        own = self.user_rows(users.codes)
        if "rows" in own:
            pooled = pooled + own["rows"]
        state = self.parts.graphs["user"](pooled=pooled)
        return np.concatenate([state, np.ones((len(users), 1), np.float32)], axis=1)

    def score(self, users: UserBatch) -> Floats:
        mine = self.user_vectors(users)
        scores: Floats = mine @ self.item_vectors.T  # whole rows: a slice would be copied first
        if "rerank" not in self.parts.graphs:
            return scores
        state = mine[:, :-1]
        seen = scores.copy()
        seen[users.histories.row_of, users.histories.items] = -np.inf
        top = min(int(self.parts.options["candidates"]), self.size)
        columns = best_columns(seen, top)
        before = np.take_along_axis(seen, columns, 1)
        after = self._rerank(users, state, columns, before)
        return lift(scores, columns, after, np.isfinite(before))

    @property
    def candidates(self) -> int:
        return int(self.parts.options.get("candidates", 0)) if "rerank" in self.parts.graphs else 0

    def rerank(
        self, users: UserBatch, mine: Floats, items: Items, scores: Floats
    ) -> tuple[Items, Floats]:
        top = min(self.candidates, items.shape[1])
        if not top:
            return items, scores
        columns = np.maximum(items[:, :top], 0).astype(np.int64)
        before = scores[:, :top]
        after = self._rerank(users, mine[:, :-1], columns, before)
        after = np.where(np.isfinite(before), after, -np.inf).astype(np.float32)
        order = np.argsort(-after, axis=1, kind="stable")
        ranked = np.take_along_axis(items[:, :top], order, 1)
        best = np.take_along_axis(after, order, 1)
        rest = scores[:, top:]
        if rest.shape[1]:  # candidates stay above what was not looked at again
            lowest = np.where(np.isfinite(best), best, np.inf).min(axis=1, keepdims=True)
            ceiling = np.where(np.isfinite(rest[:, :1]), rest[:, :1], lowest)
            best = np.where(np.isfinite(best), best - lowest + ceiling + 1, best)
        return np.hstack([ranked, items[:, top:]]), np.hstack([best, rest]).astype(np.float32)

    def _rerank(
        self,
        users: UserBatch,
        state: Floats,
        columns: npt.NDArray[np.int64],
        before: Floats,
    ) -> Floats:
        vectors = self.item_vectors[:, :-1]
        slots, there = recent(users.histories, int(self.parts.options["recent"]))
        return self.parts.graphs["rerank"](
            users=np.ascontiguousarray(state),
            candidates=np.ascontiguousarray(vectors[columns], dtype=np.float32),
            scores=np.where(np.isfinite(before), before, 0).astype(np.float32),
            history=np.ascontiguousarray(vectors[slots], dtype=np.float32),
            there=there,
        )


class Sequence(Vectors):
    """A graph reads the vectors of the last items, and their times where the model knows them."""

    def user_vectors(self, users: UserBatch) -> Floats:
        table, how = self.item_vectors[:, :-1], self.parts.options
        vectors = np.zeros((len(users), self.item_vectors.shape[1]), dtype=np.float32)
        vectors[:, -1] = 1
        lengths = np.minimum(users.histories.lengths, int(how["length"]))
        order = np.argsort(-lengths, kind="stable")[: int(np.count_nonzero(lengths))]
        found = None
        if self.temporal != "off":
            found = moments(users.histories, users.now if self.temporal == "now" else None)
        for start in range(0, len(order), TOGETHER):
            rows = order[start : start + TOGETHER]
            slots = np.arange(lengths[rows[0]])
            first = users.histories.offsets[1:][rows] - lengths[rows]
            at = first[:, None] + np.minimum(slots, lengths[rows, None] - 1)
            given: Arrays = {
                "rows": np.ascontiguousarray(table[users.histories.items[at]], np.float32)
            }
            given |= {"lengths": lengths[rows]}
            if found is not None:
                given |= {"events": found.features[at], "following": found.following[at]}
                if how["gaps"]:
                    given |= {"gaps": gap_buckets(found.asked[at], found.times[at])}
            vectors[rows, :-1] = self.parts.graphs["user"](**given)
        return vectors


class Pairs(Scorer):
    """A graph joins a user's row and items' states; both are tables."""

    def score(self, users: UserBatch) -> Floats:
        scores = np.empty((len(users), self.size), dtype=np.float32)
        width = int(self.parts.options["width"])
        for start in range(0, len(users), USERS):
            some = users.take(np.arange(start, min(start + USERS, len(users))))
            mine, rows = self._mine(some), len(some)
            step = max(1, NUMBERS // (width * rows))
            for first in range(0, self.size, step):
                theirs = self._theirs(slice(first, first + step))
                block = self.parts.graphs["join"](**mine, **theirs)
                scores[start : start + USERS, first : first + step] = block
        return scores

    def pairs(self, users: Codes, items: Codes) -> Floats:
        scores = np.empty(len(users), dtype=np.float32)
        order = np.argsort(users, kind="stable")  # a user's pairs together: one row, many items
        for part in np.split(order, np.flatnonzero(np.diff(users[order])) + 1):
            if len(part):
                mine = self._mine(UserBatch(users[part[:1]], Histories.empty(1)))
                known = np.maximum(items[part], 0)
                scores[part] = self.parts.graphs["join"](**mine, **self._theirs(known))[0]
        return scores

    def _mine(self, users: UserBatch) -> dict[str, Floats]:
        mine = {f"user_{name}": rows for name, rows in self.user_rows(users.codes).items()}
        if self.temporal == "now":
            mine["user_moments"] = asked_moments(users.histories, users.now)
        return mine

    def _theirs(self, codes: "Codes | slice") -> dict[str, Floats]:
        return {
            f"item_{name}": np.ascontiguousarray(table[codes], dtype=np.float32)
            for name, table in self.parts.items.items()
        }


KINDS: dict[str, type[Scorer]] = {
    "constant": Constant,
    "neighbours": Neighbours,
    "fold-in": FoldIn,
    "factors": Factors,
    "encoder": Encoder,
    "sequence": Sequence,
    "pairs": Pairs,
}


def distinct(histories: Histories) -> Histories:
    """Each item once a row."""
    return Histories.of_lists([np.unique(histories.row(r)) for r in range(len(histories))])


def pooled_rows(table: npt.NDArray[Any], histories: Histories, norm: str, scale: float) -> Floats:
    """Sums of the table's rows over each history, normalised: [B, d]. Empty rows: zeros."""
    lengths = histories.lengths
    sums = np.zeros((len(histories), table.shape[1]), dtype=np.float32)
    for row in np.flatnonzero(
        lengths
    ).tolist():  # one row at a time: add.reduceat takes 7 times as long
        sums[row] = table[histories.row(row)].sum(axis=0, dtype=np.float32)
    counts = np.maximum(lengths, 1).astype(np.float32)[:, None]
    by = {"mean": counts, "sqrt": np.sqrt(counts), "sum": np.ones_like(counts)}[norm]
    pooled: Floats = (sums * (scale / by)).astype(np.float32)
    return pooled


def recent(histories: Histories, length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
    """The last items of each row, left-aligned, and where there are any: both [B, length]."""
    kept = np.minimum(histories.lengths, length)
    slots = np.arange(length)
    there = slots < kept[:, None]
    at = (histories.offsets[1:] - kept)[:, None] + slots
    padded = np.append(histories.items, 0)
    return padded[np.where(there, at, len(histories.items))].astype(np.int64), there


def best_columns(scores: Floats, top: int) -> npt.NDArray[np.int64]:
    """Columns of the best scores of each row, best first: [B, top]."""
    some = np.argpartition(-scores, top - 1, axis=1)[:, :top]
    order = np.argsort(-np.take_along_axis(scores, some, 1), axis=1, kind="stable")
    return np.take_along_axis(some, order, 1)


def lift(
    scores: Floats,
    columns: npt.NDArray[np.int64],
    after: Floats,
    real: npt.NDArray[np.bool_],
) -> Floats:
    """Candidates with their new scores, moved together above everything else: [B, I].

    Where not `real` a column is no candidate (the user has seen it) and keeps its score.
    """
    own = np.take_along_axis(scores, columns, 1)
    lifted = scores.copy()
    np.put_along_axis(lifted, columns, np.where(real, -np.inf, own), 1)
    ceiling = lifted.max(axis=1, keepdims=True)
    lowest = np.where(real, after, np.inf).min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        moved = np.where(np.isfinite(ceiling), after - lowest + ceiling + 1, after)
    np.put_along_axis(lifted, columns, np.where(real, moved, own), 1)
    return lifted

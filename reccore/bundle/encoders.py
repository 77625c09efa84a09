"""Scorers whose user vector comes out of a graph: of a pooled history, or of a sequence."""

from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.bundle.scorer import Vectors
from reccore.data.interactions import Floats, Histories
from reccore.data.temporal import gap_buckets, moments
from reccore.metrics.topk import Items
from reccore.recommender import Arrays, UserBatch

TOGETHER = 32  # sequences that a graph reads at once: of like length, so that little is padded


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
        mine = self.vectors_of(users)
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

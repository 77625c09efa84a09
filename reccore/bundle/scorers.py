"""How each kind of model scores, from arrays and graphs alone: numpy and ONNX Runtime."""

from dataclasses import replace

import numpy as np

from reccore.bundle.encoders import Encoder, Sequence
from reccore.bundle.quantise import grow_sparse
from reccore.bundle.scorer import Loaded, Scorer, Vectors, rows_of
from reccore.data.ids import Codes
from reccore.data.interactions import Floats, Histories
from reccore.data.temporal import asked_moments
from reccore.recommender import UserBatch

USERS = 256  # of a block of pairs, at most
NUMBERS = 2**22  # in the widest array of a block of pairs: 16 MiB


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

    def near(self, code: int) -> Floats:
        """What one item adds to every other's score: [I]."""
        sums = self._dense if "weights" in self.parts.items else self._sparse
        return sums(np.array([code], dtype=np.int32))

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


class FoldIn(Vectors):
    """Implicit ALS: a user is the least squares of the history (Hu, Koren & Volinsky 2008)."""

    biased = False

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

"""Baselines without gradients: popularity, item-kNN, EASE. Every model has to beat these.

EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019) is the strongest
closed form on dense data. Item-kNN weighs by tf-idf or BM25 and shrinks like Bell & Koren (2007).
Ferrari Dacrema et al. (RecSys 2019) show that both, tuned, are hard to beat.
All three score from the history alone, so new users are welcome.
"""

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import sparse
from scipy.linalg import lapack

from cinesync.models.matrices import Csr, binary, from_arrays, learned, to_arrays
from reccore.bundle.parts import Export
from reccore.config import Settings
from reccore.data.dataset import Dataset
from reccore.data.interactions import Floats
from reccore.errors import UserError
from reccore.recommender import Arrays, ClosedForm, UserBatch

DAY = 86_400  # seconds
BLOCK_BYTES = 64 * 2**20  # of dense similarities at a time


class PopularitySettings(Settings):
    """Most popular, in all time or lately."""

    recent_days: float | None = Field(
        default=None, gt=0, description="count only the last days of training; None: all of it"
    )


class Popularity(ClosedForm):
    """Items by how often they were met; where a recent window ties, all-time counts decide."""

    from_history = True

    def __init__(self, settings: PopularitySettings, items: int) -> None:
        self.settings = settings
        self.popularity = np.zeros(items, dtype=np.float32)  # [I]

    @classmethod
    def build(cls, settings: PopularitySettings, data: Dataset) -> Self:
        return cls(settings, len(data.items))

    def fit(self, data: Dataset, seed: int) -> None:
        rows = data.interactions
        items = len(self.popularity)
        counts = np.bincount(rows.items, minlength=items).astype(np.float64)
        if self.settings.recent_days is not None and len(rows):
            if rows.timestamps is None:
                raise UserError(
                    f"recent_days={self.settings.recent_days} needs timestamps",
                    "map a timestamp column, or leave recent_days out",
                )
            since = rows.timestamps.max() - self.settings.recent_days * DAY
            recent = np.bincount(rows.items[rows.timestamps > since], minlength=items)
            counts = recent + counts / (counts.max() + 1)
        self.popularity = counts.astype(np.float32)

    def score(self, users: UserBatch) -> Floats:
        return np.tile(self.popularity, (len(users), 1))

    def export(self) -> Export:
        return Export("constant", items={"score": self.popularity})

    def arrays(self) -> Arrays:
        return {"popularity": self.popularity}

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self.popularity = learned(arrays, "popularity", self.popularity.shape)


class ItemKnnSettings(Settings):
    """Item-kNN. Defaults: best of 38 settings on validation rows of ML-1M (per-user 80/20)."""

    weighting: Literal["tfidf", "bm25", "cosine"] = "tfidf"
    neighbours: int = Field(default=200, ge=1, description="kept per scored item, the nearest")
    shrinkage: float = Field(
        default=0.0, ge=0, description="added to the product of norms (tfidf and cosine)"
    )
    k1: float = Field(default=100.0, gt=0, description="bm25: how late a weight saturates")
    b: float = Field(default=0.2, ge=0, le=1, description="bm25: how much popularity is damped")


class ItemKnn(ClosedForm):
    """The score of an item sums its similarities to those of its neighbours in the history.

    An item is a document, its users are the words: users of many items weigh less (tfidf, bm25).
    """

    from_history = True

    def __init__(self, settings: ItemKnnSettings, items: int) -> None:
        self.settings = settings
        self.similarity: Csr = sparse.csr_array((items, items), dtype=np.float32)  # [met, scored]

    @classmethod
    def build(cls, settings: ItemKnnSettings, data: Dataset) -> Self:
        return cls(settings, len(data.items))

    def fit(self, data: Dataset, seed: int) -> None:
        weights = self._weights(binary(data.interactions.histories, len(data.items)))  # [I, U]
        norms = np.sqrt(weights.multiply(weights).sum(axis=1)).astype(np.float32)
        by_user = sparse.csr_array(weights.T)
        step = max(1, BLOCK_BYTES // (4 * max(1, len(norms))))
        blocks = [
            self._nearest((weights[start : start + step] @ by_user).toarray(), norms, start)
            for start in range(0, len(norms), step)
        ]
        if blocks:
            self.similarity = sparse.csr_array(sparse.vstack(blocks).T)

    def _weights(self, matrix: Csr) -> Csr:
        """[U, I] of ones to weighted [I, U]."""
        weights = sparse.csr_array(matrix.T)
        if self.settings.weighting == "cosine":
            return weights
        items, _ = weights.shape
        weights.data *= np.log1p(items / (1 + np.diff(matrix.indptr))).astype(np.float32)[
            weights.indices
        ]
        if self.settings.weighting == "bm25":
            k1, b = self.settings.k1, self.settings.b
            lengths = np.diff(weights.indptr)
            relative = lengths / max(lengths.sum() / max(np.count_nonzero(lengths), 1), 1)
            damped = (k1 + 1) / (1 + k1 * (1 - b + b * relative))
            weights.data *= np.repeat(damped, lengths).astype(np.float32)
        return weights

    def _nearest(self, similar: Floats, norms: Floats, start: int) -> Csr:
        """Keep the neighbours of scored items `start...`; similar: [b, I] dot products."""
        own = np.arange(start, start + len(similar))
        if self.settings.weighting != "bm25":
            product = norms[own, None] * norms + np.float32(self.settings.shrinkage)
            np.divide(similar, product, out=similar, where=product > 0)
        similar[np.arange(len(own)), own] = 0
        dropped = max(similar.shape[1] - self.settings.neighbours, 0)
        if dropped:
            far = np.argpartition(similar, dropped - 1, axis=1)[:, :dropped]
            np.put_along_axis(similar, far, 0, axis=1)
        return sparse.csr_array(similar)

    def score(self, users: UserBatch) -> Floats:
        met = binary(users.histories, self.similarity.shape[0])
        scores: Floats = (met @ self.similarity).toarray()
        return scores

    def export(self) -> Export:
        parts = ("data", "indices", "indptr")
        return Export("neighbours", other={p: getattr(self.similarity, p) for p in parts})

    def arrays(self) -> Arrays:
        return to_arrays("similarity", self.similarity)

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self.similarity = from_arrays("similarity", arrays, self.similarity.shape)


class EaseSettings(Settings):
    """EASE. Default l2: best of 100..1400 on validation rows of ML-1M (per-user 80/20)."""

    l2: float = Field(
        default=1000.0, gt=0, description="ridge on the Gram matrix; more data bears more"
    )
    max_items: int = Field(
        default=40_000, ge=1, description="refuse larger catalogues: 2 x 4 bytes x items^2"
    )


class Ease(ClosedForm):
    """A linear autoencoder with zero diagonal: W = I - P / diag(P), P = (X'X + l2 I)^-1."""

    from_history = True

    def __init__(self, settings: EaseSettings, items: int) -> None:
        if items > settings.max_items:
            raise UserError(
                f"ease holds items^2 numbers: {items} items, max_items={settings.max_items}",
                "use ials or item-knn, drop rare items, or raise model.max_items",
            )
        self.settings = settings
        self.weights: Floats = np.zeros((items, items), dtype=np.float32)  # [met, scored]

    @classmethod
    def build(cls, settings: EaseSettings, data: Dataset) -> Self:
        return cls(settings, len(data.items))

    def fit(self, data: Dataset, seed: int) -> None:
        matrix = binary(data.interactions.histories, len(data.items))
        gram = np.asfortranarray((matrix.T @ matrix).toarray())  # [I, I], for LAPACK in place
        gram[np.diag_indices_from(gram)] += np.float32(self.settings.l2)
        factor, failed = lapack.spotrf(gram, lower=True, overwrite_a=True)
        inverse, singular = lapack.spotri(factor, lower=True, overwrite_c=True)
        if failed or singular:
            raise UserError(f"ease: l2={self.settings.l2} is too small to invert", "raise model.l2")
        inverse = np.tril(inverse)  # LAPACK leaves the other triangle as it was
        inverse += np.tril(inverse, -1).T
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)
        self.weights = np.ascontiguousarray(weights)

    def score(self, users: UserBatch) -> Floats:
        scores: Floats = binary(users.histories, len(self.weights)) @ self.weights
        return scores

    def export(self) -> Export:
        return Export("neighbours", items={"weights": self.weights})

    def arrays(self) -> Arrays:
        return {"weights": self.weights}

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self.weights = learned(arrays, "weights", self.weights.shape)

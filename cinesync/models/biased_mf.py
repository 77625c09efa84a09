"""Biased matrix factorisation for ratings: mean + user bias + item bias + factors, by plain SGD.

Koren, Bell & Volinsky, "Matrix Factorization Techniques for Recommender Systems" (2009). One
rating a step in a compiled loop is both faster and better than mini-batches with Adam here.
"""

from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field

from cinesync.models.compiled import compiled
from cinesync.models.matrices import learned
from reccore.bundle.parts import Export
from reccore.config import Settings
from reccore.data.dataset import Dataset
from reccore.data.ids import Codes
from reccore.data.interactions import Floats
from reccore.errors import UserError
from reccore.recommender import Arrays, ClosedForm, UserBatch


class BiasedMfSettings(Settings):
    """Biased MF. Defaults: best of 107 settings on validation tenths of ML-100K."""

    factors: int = Field(default=128, ge=0)
    passes: int = Field(default=60, ge=1, description="over all ratings, each in a new order")
    lr: float = Field(default=0.016, gt=0)
    lr_decay: float = Field(default=0.97, gt=0, le=1, description="lr is multiplied by it a pass")
    regularization: float = Field(default=0.065, ge=0, description="of the factors")
    bias_regularization: float = Field(default=0.05, ge=0)
    init_scale: float = Field(default=0.003, gt=0, description="size of the random start")
    clip: bool = Field(default=True, description="predict within the range of training ratings")


class BiasedMf(ClosedForm):
    """Who or what was never rated in training gets the mean and the biases that are known."""

    rates = True

    def __init__(self, settings: BiasedMfSettings, users: int, items: int) -> None:
        self.settings = settings
        self.mean = np.float32(0)
        self.limits = np.array([-np.inf, np.inf], dtype=np.float32)  # of training ratings
        self.user_bias: Floats = np.zeros(users, dtype=np.float32)
        self.item_bias: Floats = np.zeros(items, dtype=np.float32)
        self.users: Floats = np.zeros((users, settings.factors), dtype=np.float32)  # [U, F]
        self.items: Floats = np.zeros((items, settings.factors), dtype=np.float32)  # [I, F]

    @classmethod
    def build(cls, settings: BiasedMfSettings, data: Dataset) -> Self:
        return cls(settings, len(data.users), len(data.items))

    def fit(self, data: Dataset, seed: int) -> None:
        rows, settings = data.interactions, self.settings
        if rows.values is None or not len(rows):
            raise UserError(
                f"biased-mf learns from ratings, and {data.name} has none",
                "map a value column, or use a ranking model such as ials or ease",
            )
        generator = np.random.default_rng(seed)
        self.mean = np.float32(rows.values.mean(dtype=np.float64))
        self.limits = np.array([rows.values.min(), rows.values.max()], dtype=np.float32)
        self.user_bias, self.item_bias = (
            np.zeros_like(self.user_bias),
            np.zeros_like(self.item_bias),
        )
        self.users = self._start(generator, rows.users, len(self.users))
        self.items = self._start(generator, rows.items, len(self.items))
        lr = settings.lr
        for _ in range(settings.passes):
            _sgd_pass(
                generator.permutation(len(rows)),
                rows.users,
                rows.items,
                rows.values - self.mean,
                self.user_bias,
                self.item_bias,
                self.users,
                self.items,
                np.float32(lr),
                np.float32(settings.regularization),
                np.float32(settings.bias_regularization),
            )
            lr *= settings.lr_decay
        if not np.isfinite(self.users).all():
            raise UserError(f"biased-mf diverged at lr={settings.lr}", "lower model.lr")

    def _start(self, generator: np.random.Generator, codes: Codes, rows: int) -> Floats:
        """Random factors where there are ratings, zeros elsewhere."""
        factors = generator.normal(0, self.settings.init_scale, (rows, self.settings.factors))
        factors[np.bincount(codes, minlength=rows) == 0] = 0
        return factors.astype(np.float32)

    def score(self, users: UserBatch) -> Floats:
        known = (users.codes >= 0)[:, None]
        codes = np.maximum(users.codes, 0)
        scores = self.users[codes] * known @ self.items.T + self.user_bias[codes, None] * known
        return np.asarray(scores + self.item_bias + self.mean, dtype=np.float32)

    def predict(self, users: Codes, items: Codes) -> Floats:
        known_users, known_items = users >= 0, items >= 0
        u, i = np.maximum(users, 0), np.maximum(items, 0)
        ratings = (
            self.mean
            + self.user_bias[u] * known_users
            + self.item_bias[i] * known_items
            + np.einsum("nf,nf->n", self.users[u], self.items[i]) * (known_users & known_items)
        ).astype(np.float32)
        clipped: Floats = np.clip(ratings, *self.limits)
        return clipped if self.settings.clip else ratings

    def export(self) -> Export:
        """Vectors with the biases in two more columns: [u, b_u, 1] . [i, 1, b_i + mean]."""
        one = np.ones((len(self.items), 1), np.float32)
        own = self.item_bias[:, None] + self.mean
        low, high = map(float, self.limits) if self.settings.clip else (-np.inf, np.inf)
        return Export(
            "factors",
            items={"vectors": np.concatenate([self.items, one, own], axis=1)},
            users={
                "vectors": np.concatenate(
                    [self.users, self.user_bias[:, None], np.ones((len(self.users), 1))], axis=1
                ).astype(np.float32)
            },
            options={"rating": {"mean": 0.0, "deviation": 1.0, "low": low, "high": high}},
            from_history=False,
        )

    def arrays(self) -> Arrays:
        return {
            "mean": np.array(self.mean),
            "limits": self.limits,
            "user_bias": self.user_bias,
            "item_bias": self.item_bias,
            "users": self.users,
            "items": self.items,
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self.mean = np.float32(learned(arrays, "mean", ()))
        self.limits = learned(arrays, "limits", (2,))
        self.user_bias = learned(arrays, "user_bias", self.user_bias.shape)
        self.item_bias = learned(arrays, "item_bias", self.item_bias.shape)
        self.users = learned(arrays, "users", self.users.shape)
        self.items = learned(arrays, "items", self.items.shape)


@compiled
def _sgd_pass(
    order: npt.NDArray[np.int64],  # [N]
    row_users: Codes,  # [N]
    row_items: Codes,  # [N]
    values: Floats,  # [N] less the mean
    user_bias: Floats,  # [U]
    item_bias: Floats,  # [I]
    users: Floats,  # [U, F]
    items: Floats,  # [I, F]
    lr: np.float32,
    regularization: np.float32,
    bias_regularization: np.float32,
) -> None:
    """One step a rating: down the gradient of (r - prediction)^2 / 2 + ridge / 2, in place."""
    size = users.shape[1]
    for row in order:
        user, item = row_users[row], row_items[row]
        p, q = users[user], items[item]
        error = values[row] - user_bias[user] - item_bias[item]
        for f in range(size):
            error -= p[f] * q[f]
        user_bias[user] += lr * (error - bias_regularization * user_bias[user])
        item_bias[item] += lr * (error - bias_regularization * item_bias[item])
        for f in range(size):
            of_user, of_item = p[f], q[f]
            p[f] += lr * (error * of_item - regularization * of_user)
            q[f] += lr * (error * of_user - regularization * of_item)

"""Implicit ALS: factors of confidence-weighted preferences, each half-step a least squares.

Hu, Koren & Volinsky (ICDM 2008); conjugate gradients as Takacs et al. (RecSys 2011); a ridge that
grows with frequency as Rendle et al., "Revisiting the Performance of iALS" (RecSys 2022), who
show that it rivals deep models when tuned. An observed pair has preference 1 and confidence
`alpha`, every other pair 0 and 1:

    sum_ui c_ui (p_ui - x_u . y_i)^2 + sum_u ridge_u |x_u|^2 + sum_i ridge_i |y_i|^2

Users are folded in from their histories at every answer, so only the item side is kept.
"""

from collections.abc import Mapping
from typing import Self

import numba
import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import sparse

from cinesync.models.compiled import compiled, in_threads
from cinesync.models.matrices import Csr, binary, learned
from reccore.bundle.parts import Export
from reccore.config import Settings
from reccore.data.dataset import Dataset
from reccore.data.interactions import Floats
from reccore.recommender import Arrays, ClosedForm, UserBatch


class IalsSettings(Settings):
    """Implicit ALS. Defaults: best of a sweep on validation rows of ML-1M (per-user 80/20)."""

    factors: int = Field(default=128, ge=1)
    alpha: float = Field(default=5.0, ge=1, description="confidence of an observed pair")
    regularization: float = Field(
        default=0.9, ge=0, description="ridge of an average row, over the root of its confidence"
    )
    frequency_exponent: float = Field(
        default=0.25, ge=0, description="ridge ~ confidence^this; 0: the same for all (Hu et al.)"
    )
    iterations: int = Field(default=10, ge=1, description="a user and an item half-step each")
    steps: int = Field(default=3, ge=1, description="conjugate gradient steps of a half-step")
    init_scale: float = Field(default=0.1, gt=0, description="size of the random start")
    threads: int = Field(default=0, ge=0, description="0: all cores; results do not depend on it")


class Ials(ClosedForm):
    """Item factors, and a solver that folds any history in."""

    from_history = True

    def __init__(self, settings: IalsSettings, items: int) -> None:
        self.settings = settings
        self.items: Floats = np.zeros((items, settings.factors), dtype=np.float32)  # [I, F]
        self.mean_confidence = 1.0  # of training users: their ridge is relative to it

    @classmethod
    def build(cls, settings: IalsSettings, data: Dataset) -> Self:
        return cls(settings, len(data.items))

    def fit(self, data: Dataset, seed: int) -> None:
        settings, generator = self.settings, np.random.default_rng(seed)
        by_user = binary(data.interactions.histories, len(data.items))  # [U, I]
        by_item = sparse.csr_array(by_user.T)  # [I, U]
        scale = settings.init_scale / np.sqrt(settings.factors)
        users, items = (
            generator.normal(0, scale, (n, settings.factors)).astype(np.float32)
            for n in by_user.shape
        )
        user_ridge, self.mean_confidence = self._ridge(by_user)
        item_ridge, _ = self._ridge(by_item)
        for _ in range(settings.iterations):
            self._solve(by_user, items, user_ridge, users, settings.steps)
            self._solve(by_item, users, item_ridge, items, settings.steps)
        self.items = items

    def _ridge(self, rows: Csr, mean: float | None = None) -> tuple[Floats, float]:
        """Each row's ridge, and the mean confidence it is relative to.

        A row's confidence is the sum of its pairs'. Over the root of it the best ridge was the
        same on ML-100K and ML-1M, so `regularization` keeps its scale whatever the data.
        """
        confidence = rows.shape[1] + (self.settings.alpha - 1) * np.diff(rows.indptr)
        mean = float(confidence.mean()) if mean is None else mean
        relative = (confidence / mean) ** self.settings.frequency_exponent
        return (self.settings.regularization * np.sqrt(mean) * relative).astype(np.float32), mean

    def _solve(self, rows: Csr, fixed: Floats, ridge: Floats, out: Floats, steps: int) -> None:
        gram = fixed.T @ fixed
        alpha = np.float32(self.settings.alpha)

        def work(start: int, stop: int) -> None:
            _solve_rows(
                start, stop, rows.indptr, rows.indices, fixed, gram, ridge, alpha, steps, out
            )

        threads = self.settings.threads or numba.get_num_threads()
        in_threads(work, rows.shape[0], threads)

    def fold_in(self, users: UserBatch) -> Floats:
        """Factors of users given by their histories: [B, F], solved to convergence."""
        rows = binary(users.histories, len(self.items))
        ridge, _ = self._ridge(rows, self.mean_confidence)
        factors = np.zeros((len(users), self.settings.factors), dtype=np.float32)
        self._solve(rows, self.items, ridge, factors, steps=2 * self.settings.factors)
        return factors

    def score(self, users: UserBatch) -> Floats:
        scores: Floats = self.fold_in(users) @ self.items.T
        return scores

    def export(self) -> Export:
        how = self.settings.model_dump(include={"alpha", "regularization", "frequency_exponent"})
        options = {**how, "mean_confidence": self.mean_confidence}
        return Export("fold-in", items={"vectors": self.items}, options=options)

    def arrays(self) -> Arrays:
        return {"items": self.items, "mean_confidence": np.array(self.mean_confidence)}

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self.items = learned(arrays, "items", self.items.shape)
        self.mean_confidence = float(learned(arrays, "mean_confidence", ()))


@compiled
def _solve_rows(
    start: int,
    stop: int,
    indptr: npt.NDArray[np.integer],  # [R + 1]
    indices: npt.NDArray[np.integer],  # [nnz] codes into `fixed`
    fixed: Floats,  # [N, F]
    gram: Floats,  # [F, F] = fixed' fixed
    ridge: Floats,  # [R]
    alpha: np.float32,
    steps: int,
    out: Floats,  # [R, F] start and result
) -> None:
    """Conjugate gradients on A x = alpha Y'1, where Y = the row's fixed factors, from `out` on."""
    size = fixed.shape[1]
    residual, direction = np.empty(size, np.float32), np.empty(size, np.float32)
    image = np.empty(size, np.float32)
    extra = alpha - np.float32(1)
    for row in range(start, stop):
        x, met = out[row], indices[indptr[row] : indptr[row + 1]]
        if len(met) == 0:
            x[:] = 0
            continue
        _apply(gram, ridge[row], extra, fixed, met, x, image)
        residual[:] = 0
        for item in met:
            for f in range(size):
                residual[f] += fixed[item, f]
        for f in range(size):
            residual[f] = alpha * residual[f] - image[f]
            direction[f] = residual[f]
        norm = _dot(residual, residual)
        enough = max(np.float32(1e-12) * norm, np.float32(1e-30))
        for _ in range(steps):
            if norm <= enough:
                break
            _apply(gram, ridge[row], extra, fixed, met, direction, image)
            step = norm / _dot(direction, image)
            for f in range(size):
                x[f] += step * direction[f]
                residual[f] -= step * image[f]
            before, norm = norm, _dot(residual, residual)
            for f in range(size):
                direction[f] = residual[f] + norm / before * direction[f]


@compiled
def _apply(
    gram: Floats,  # [F, F]
    ridge: np.float32,
    extra: np.float32,
    fixed: Floats,  # [N, F]
    met: npt.NDArray[np.integer],  # [n]
    x: Floats,  # [F]
    out: Floats,  # [F]
) -> None:
    """out = A x = (gram + ridge I + extra Y'Y) x, without ever forming A."""
    for f in range(len(x)):
        out[f] = _dot(gram[f], x) + ridge * x[f]
    for item in met:
        weight = extra * _dot(fixed[item], x)
        for f in range(len(x)):
            out[f] += weight * fixed[item, f]


@compiled
def _dot(a: Floats, b: Floats) -> np.float32:
    total = np.float32(0)
    for f in range(len(a)):
        total += a[f] * b[f]
    return total

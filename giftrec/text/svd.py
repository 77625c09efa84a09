"""The strongest directions of many texts: truncated SVD by random projection.

Halko, Martinsson and Tropp (2011), with power iterations; numpy alone. The matrix is only ever
multiplied, so it may be a product of sparse ones.
"""

from typing import Protocol

import numpy as np

from giftrec.text.sparse import Floats
from reccore.data.seeds import rng

EXTRA = 16  # columns drawn beyond those wanted
POWERS = 3


class Product(Protocol):
    """A matrix [R, C] known by what it does."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def times(self, dense: Floats) -> Floats: ...

    def transposed_times(self, dense: Floats) -> Floats: ...


def directions(matrix: Product, width: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Right singular vectors [C, k] and singular values [k], k = min(width, rank found).

    Signs are fixed, so that the same texts give the same directions.
    """
    rows, columns = matrix.shape
    draws = min(width + EXTRA, rows, columns)
    if draws == 0:
        return np.zeros((columns, 0), np.float32), np.zeros(0, np.float32)
    start = rng(seed, "projection").standard_normal((columns, draws)).astype(np.float32)
    range_, _ = np.linalg.qr(matrix.times(start))
    for _ in range(POWERS):
        back, _ = np.linalg.qr(matrix.transposed_times(range_))
        range_, _ = np.linalg.qr(matrix.times(back))
    small = matrix.transposed_times(range_)  # [C, draws]: the matrix seen in that range
    right, values, _ = np.linalg.svd(small.astype(np.float64), full_matrices=False)
    keep = min(width, int(np.count_nonzero(values > 1e-5 * max(values[0], 1e-12))))
    right, values = right[:, :keep], values[:keep]
    largest = np.argmax(np.abs(right), axis=0)
    signs = np.where(right[largest, np.arange(keep)] < 0, -1.0, 1.0)
    return (right * signs).astype(np.float32), values.astype(np.float32)

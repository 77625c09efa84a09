"""Histories as sparse matrices, and those as named arrays: what closed forms compute on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from reccore.data.interactions import Histories
from reccore.errors import UserError
from reccore.recommender import Arrays

Csr = Any  # scipy.sparse.csr_array of float32; scipy ships no types


def binary(histories: Histories, items: int) -> Csr:
    """[R, I] of float32: 1 where the row has the item, however often."""
    data = np.ones(len(histories.items), dtype=np.float32)
    shape = (len(histories), items)
    matrix = sparse.csr_array((data, histories.items, histories.offsets), shape=shape, copy=True)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def to_arrays(name: str, matrix: Csr) -> Arrays:
    """The three arrays of a CSR matrix under `name.`."""
    return {f"{name}.{part}": getattr(matrix, part) for part in ("data", "indices", "indptr")}


def from_arrays(
    name: str, arrays: Mapping[str, npt.NDArray[np.generic]], shape: tuple[int, int]
) -> Csr:
    """What `to_arrays` took apart."""
    data, indices, indptr = (learned(arrays, f"{name}.{p}") for p in ("data", "indices", "indptr"))
    fits = len(indptr) == shape[0] + 1 and (not len(indices) or indices.max() < shape[1])
    if not fits:
        raise UserError(f"weights {name} do not fit {shape[0]} x {shape[1]}", _REMEDY)
    return sparse.csr_array((data, indices, indptr), shape=shape)


def learned(
    arrays: Mapping[str, npt.NDArray[np.generic]], name: str, shape: tuple[int, ...] | None = None
) -> npt.NDArray[Any]:
    """One array of a model's weights, or an error that says what is wrong with the file."""
    if name not in arrays:
        raise UserError(f"these weights are of another model: {name} is missing", _REMEDY)
    if shape is not None and arrays[name].shape != shape:
        raise UserError(f"weights {name} have shape {arrays[name].shape}, not {shape}", _REMEDY)
    return np.asarray(arrays[name])


_REMEDY = "open the run with the model, settings and data it was trained with"

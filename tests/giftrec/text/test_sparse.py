"""Sparse rows against dense ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from giftrec.text import sparse
from giftrec.text.sparse import Sparse

TABLES = st.tuples(st.integers(1, 8), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0, 0, 1, 2, -3]))
)


def sparse_of(table: np.ndarray) -> Sparse:
    columns = [np.flatnonzero(row).tolist() for row in table]
    values = [row[row != 0].tolist() for row in table]
    return Sparse.of(columns, values, table.shape[1])


@given(TABLES, st.integers(1, 40))
def test_products_are_those_of_the_dense_table(table: np.ndarray, cells: int) -> None:
    dense = np.arange(table.shape[1] * 3, dtype=np.float32).reshape(-1, 3)
    rows = sparse_of(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "BLOCK_CELLS", cells)  # however it is cut into blocks
        np.testing.assert_allclose(rows.times(dense), table @ dense)
    other = np.arange(table.shape[0] * 2, dtype=np.float32).reshape(-1, 2)
    np.testing.assert_allclose(rows.transposed().times(other), table.T @ other)


@given(TABLES)
def test_unit_rows_have_length_one_or_zero(table: np.ndarray) -> None:
    lengths = np.linalg.norm(
        sparse_of(table).unit().times(np.eye(table.shape[1], dtype="f4")), axis=1
    )
    np.testing.assert_allclose(lengths, (np.abs(table).sum(axis=1) > 0).astype(float), atol=1e-6)


@given(TABLES, st.data())
def test_rows_are_taken_in_the_order_asked(table: np.ndarray, data: st.DataObject) -> None:
    rows = np.array(data.draw(st.lists(st.integers(0, len(table) - 1), max_size=6)), dtype=np.int64)
    eye = np.eye(table.shape[1], dtype=np.float32)
    np.testing.assert_array_equal(sparse_of(table).take(rows).times(eye), table[rows])

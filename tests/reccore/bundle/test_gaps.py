"""Sparse rows as gaps: what is read is what was written."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.bundle.bundle import Bundle
from reccore.bundle.gaps import Rows, packed, unpacked
from reccore.bundle.parts import Export
from reccore.bundle.quantise import Quantise, grow, grow_sparse, shrink_folder, shrink_sparse
from reccore.bundle.write import seal, write_parts
from reccore.data.dataset import Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Histories
from reccore.recommender import UserBatch


def rows_of(columns: list[list[int]], seed: int = 0) -> Rows:
    """Rows of these columns, with weights that are not 0."""
    starts = np.cumsum([0, *map(len, columns)]).astype(np.int32)
    places = np.array([column for row in columns for column in row], dtype=np.int32)
    weights = np.random.default_rng(seed).uniform(0.1, 1, len(places)).astype(np.float32)
    return Rows(starts, places, weights)


def assert_same(ours: Rows, theirs: Rows) -> None:
    order = np.lexsort((theirs.places, theirs.row_of))
    np.testing.assert_array_equal(ours.starts, theirs.starts)
    np.testing.assert_array_equal(ours.places, theirs.places[order])
    np.testing.assert_array_equal(ours.weights, theirs.weights[order])


@given(st.lists(st.lists(st.integers(0, 200_000), unique=True, max_size=9), max_size=12))
def test_any_rows_come_back(columns: list[list[int]]) -> None:
    rows = rows_of(columns)
    assert_same(unpacked(packed(rows, 1)), rows)


@pytest.mark.parametrize("last", [0, 1, 254, 255, 256, 510, 65_534, 65_535, 65_536, 10_000_000])
def test_gaps_of_any_width_come_back(last: int) -> None:
    for columns in ([[last]], [[], [last], []], [[0, last + 1]], [[last], [0, 1, last + 2]]):
        rows = rows_of(columns)
        assert_same(unpacked(packed(rows, 1)), rows)


@pytest.mark.parametrize(("step", "kind"), [(3, np.uint8), (300, np.uint16), (250, np.uint8)])
def test_gaps_are_of_the_type_that_takes_fewer_bytes(step: int, kind: type) -> None:
    assert packed(rows_of([list(range(0, 1000 * step, step))]), 1).places.dtype == kind


def test_one_huge_gap_does_not_widen_all_others() -> None:
    rows = packed(rows_of([[*range(1000), 20_000]]), 1)
    assert rows.places.dtype == np.uint8
    assert len(rows.places) == 1001 + (20_000 - 999) // 255


def test_a_catalogue_of_one_item() -> None:
    for columns in ([[0]], [[]]):
        rows = rows_of(columns)
        assert_same(unpacked(packed(rows, 1)), rows)


@pytest.mark.parametrize("how", ["int8", "fp16"])
def test_numbers_are_within_half_a_step_of_their_rows_largest(how: Quantise) -> None:
    draw = np.random.default_rng(0)
    columns = [np.flatnonzero(draw.random(3000) < 0.05).tolist() for _ in range(40)]
    rows = rows_of([*columns, []])
    scale = np.repeat(10.0 ** draw.integers(-3, 3, 41), np.diff(rows.starts))
    weights = (rows.weights * scale).astype(np.float32)
    small = shrink_sparse({"indptr": rows.starts, "indices": rows.places, "data": weights}, how)
    grown = grow_sparse({name: grow({"": array}) for name, array in small.items()})
    largest = np.array([weights[rows.row_of == row].max(initial=0) for row in range(41)])
    np.testing.assert_array_equal(grown["indptr"], rows.starts)
    np.testing.assert_array_equal(grown["indices"], rows.places)
    assert (np.abs(grown["data"] - weights) <= 0.501 / 127 * largest[rows.row_of]).all()
    share = sum(array.nbytes for array in small.values()) / (8 * len(weights))
    assert share < {"int8": 0.3, "fp16": 0.4}[how]


def test_rows_that_were_left_as_they_were_are_not_copied() -> None:
    arrays = {"indptr": np.zeros(2, np.int32)}
    assert grow_sparse(arrays) is arrays


@pytest.mark.parametrize("how", ["int8", "fp16"])
def test_a_bundle_of_sparse_rows_answers_nearly_as_before(tmp_path: Path, how: Quantise) -> None:
    draw, items = np.random.default_rng(0), 1500  # more rows than are left as they are
    rows = rows_of([draw.choice(items, draw.integers(0, 30), False).tolist() for _ in range(items)])
    arrays = {"indptr": rows.starts, "indices": rows.places, "data": rows.weights}
    parts = Export("neighbours", other=arrays)
    table = Table(IdMap(pl.Series(np.arange(items))))
    write_parts(tmp_path, parts, table, np.ones(items, np.float32), None)
    whole = Bundle(tmp_path, seal(tmp_path, parts, {}))
    shrink_folder(tmp_path, ["items", "other"], how)
    small = Bundle(tmp_path, seal(tmp_path, parts, {}))
    assert not (tmp_path / "other" / "indices.npy").exists()
    met = Histories.of_lists([draw.choice(items, size, False) for size in (0, 1, 20)])
    batch = UserBatch(np.full(3, -1, np.int32), met)
    before, after = whole.scorer.score(batch), small.scorer.score(batch)
    dense = np.zeros((items, items), np.float32)
    dense[rows.row_of, rows.places] = rows.weights
    for row in range(3):
        np.testing.assert_allclose(before[row], dense[met.row(row)].sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(after, before, atol=0.02)

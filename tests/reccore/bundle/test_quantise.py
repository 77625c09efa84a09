"""Smaller numbers: how far they are from what they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.bundle.quantise import LEAST, grow, shrink


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_int8_is_within_half_a_step_of_every_number(seed: int, bias: float) -> None:
    """A step is 1/127 of the row's largest number, once each column is scaled to 1."""
    draw = np.random.default_rng(seed)
    array = (draw.normal(size=(64, 17)) * np.exp(draw.normal(size=(64, 1)))).astype(np.float32)
    array[:, -1] *= 10**bias
    parts = shrink(array, "int8")
    steps = parts[".rows"][:, None] * parts[".columns"]
    assert parts[""].dtype == np.int8
    assert (np.abs(grow(parts) - array) <= 0.5001 * steps + 1e-7).all()


def test_a_list_of_numbers_has_one_scale() -> None:
    array = np.random.default_rng(0).exponential(size=2000).astype(np.float32)
    parts = shrink(array, "int8")
    assert sum(part.nbytes for part in parts.values()) == 2004
    np.testing.assert_allclose(grow(parts), array, atol=0.501 * array.max() / 127)
    assert not grow(shrink(0 * array, "int8")).any()


def test_a_large_bias_does_not_drown_the_other_columns() -> None:
    draw = np.random.default_rng(0)
    array = draw.normal(size=(500, 33)).astype(np.float32)
    array[:, -1] *= 1000
    error = np.abs(grow(shrink(array, "int8")) - array)
    assert error[:, :-1].max() < 0.05


def test_zeros_stay_zeros() -> None:
    array = np.zeros((64, 32), dtype=np.float32)
    array[3, 4] = 2.0
    grown = grow(shrink(array, "int8"))
    assert grown[3, 4] == pytest.approx(2.0)
    assert np.count_nonzero(grown) == 1


def test_small_and_whole_number_arrays_are_left_alone() -> None:
    small = np.ones((2, 3), dtype=np.float32)
    codes = np.arange(4 * LEAST, dtype=np.int32)
    for array in (small, codes):
        for how in ("int8", "fp16"):
            assert shrink(array, how)[""] is array  # type: ignore[arg-type]


def test_fp16_halves_and_rounds() -> None:
    array = np.random.default_rng(0).normal(size=(100, 40)).astype(np.float32)
    parts = shrink(array, "fp16")
    assert parts[""].nbytes * 2 == array.nbytes
    np.testing.assert_allclose(grow(parts), array, rtol=1e-3, atol=1e-6)

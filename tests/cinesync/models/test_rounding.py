"""Rounding in training is the rounding of a bundle, and its gradient passes through."""

import numpy as np
import torch

from cinesync.models.rounding import rounded
from reccore.bundle.quantise import grow, shrink


def test_it_is_what_a_bundle_stores() -> None:
    rows = np.random.default_rng(0).normal(size=(200, 17)).astype(np.float32)
    rows[:, -1] *= 50
    stored = grow(shrink(rows, "int8"))
    np.testing.assert_allclose(rounded(torch.from_numpy(rows)).numpy(), stored, rtol=1e-5)


def test_the_gradient_is_that_of_the_rows() -> None:
    rows = torch.randn(20, 5, requires_grad=True)
    weights = torch.randn(20, 5)
    (rounded(rows) * weights).sum().backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    torch.testing.assert_close(rows.grad, weights)


def test_zeros_stay_zeros() -> None:
    assert torch.equal(rounded(torch.zeros(3, 4)), torch.zeros(3, 4))

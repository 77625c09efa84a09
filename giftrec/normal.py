"""The normal distribution in float32, without scipy: what slates and appeals are reckoned with."""

import numpy as np

from giftrec.columns import Floats

ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def normal_below(z: Floats) -> Floats:
    """The normal distribution function to 3e-7 (Abramowitz & Stegun 1964, 7.1.26): no scipy."""
    x = np.abs(z) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * x)
    tail = np.zeros_like(t)
    for factor in reversed(ERF):
        tail = (tail + np.float32(factor)) * t
    tail *= np.exp(-x * x) / 2
    below: Floats = np.where(z > 0, 1 - tail, tail)
    return below


def clipped_mean(mean: Floats, spread: Floats) -> Floats:
    """The mean of a normal variable that is clipped to [0, 1]."""
    clipped: Floats = np.clip(_excess(mean, spread) - _excess(mean - 1, spread), 0, 1)
    return clipped


def _excess(mean: Floats, spread: Floats) -> Floats:
    """E[max(0, X)] of a normal X."""
    z = mean / spread
    above: Floats = mean * normal_below(z) + spread * np.exp(-z * z / 2) * np.float32(0.39894228)
    return above

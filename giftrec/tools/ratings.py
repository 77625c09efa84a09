"""Stars that few reviews cannot bend: empirical Bayes (Efron & Morris 1975).

The mean rating of a gift is drawn towards the catalogue's mean, the more so the fewer its reviews.
How much is learned from the catalogue: the spread within gifts over the spread between them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giftrec.tools.tables import NOT_STATED, Numbers

FEWEST_REVIEWS, FEWEST_GIFTS = 50, 10  # of a catalogue, to learn from
STRENGTH = (0.5, 50.0)  # bounds: a few reviews never count for nothing, nor hundreds
Z95 = 1.959964


@dataclass(frozen=True)
class RatingPrior:
    """What one expects of a gift before reading its reviews."""

    mean: float
    strength: float  # in reviews
    spread: float  # standard deviation of single stars around their gift's mean
    learned_from: int  # reviews; 0: assumed


DEFAULT_PRIOR = RatingPrior(3.9, 4.0, 1.1, 0)


@dataclass(frozen=True)
class Rating:
    stars: float
    low: float  # of a 95% interval
    high: float


def learn_prior(starts: Numbers, stars: Numbers) -> RatingPrior:
    """From all reviews of a catalogue, those of gift g at starts[g] to starts[g + 1]."""
    gift = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    stated = stars != NOT_STATED
    gift, values = gift[stated], stars[stated].astype(np.float64)
    if len(values) < FEWEST_REVIEWS or len(np.unique(gift)) < FEWEST_GIFTS:
        return DEFAULT_PRIOR
    count = np.bincount(gift).astype(np.float64)
    total = np.bincount(gift, weights=values)
    squares = np.bincount(gift, weights=values**2)
    known = count > 0
    count, total, squares = count[known], total[known], squares[known]
    means = total / count
    mean = float(values.mean())
    free = float((count - 1).sum())
    within = float((squares - total * means).sum() / free) if free > 0 else 1.0
    within = max(within, 0.05)
    weight = count.sum() - (count**2).sum() / count.sum()  # one-way random effects, by moments
    between_ss = float((count * (means - mean) ** 2).sum())
    between = (between_ss - (len(means) - 1) * within) / weight if weight > 0 else 0.0
    strength = within / between if between > 0 else STRENGTH[1]
    return RatingPrior(
        mean, min(max(strength, STRENGTH[0]), STRENGTH[1]), math.sqrt(within), len(values)
    )


def shrunken(stars: Sequence[float], prior: RatingPrior) -> Rating:
    """A gift's rating, between the mean of its stars and the catalogue's mean."""
    weight = len(stars) + prior.strength
    mean = (sum(stars) + prior.strength * prior.mean) / weight
    wide = Z95 * prior.spread / math.sqrt(weight)
    return Rating(round(mean, 3), round(max(1.0, mean - wide), 3), round(min(5.0, mean + wide), 3))

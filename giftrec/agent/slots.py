"""What each gift of a slate is there for: a name that is true of it, or none.

The slate is chosen first, for the best expected outcome; then a gift that could carry a missing
name may take the place of the least useful one, if hardly anything is lost. Names:

safe        the surest to please
thoughtful  meets most of what the recipient likes
splurge     the dearest, and most of the budget
bargain     the cheapest, and at most half of the budget
surprise    pleases without meeting any stated hobby or wish
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from giftrec.agent.reply import SlotName
from giftrec.columns import Floats, Numbers
from giftrec.normal import normal_below
from giftrec.predictions import Rewards

NAMES: tuple[SlotName, ...] = ("safe", "thoughtful", "splurge", "bargain", "surprise")
MOST_OF, HALF = 0.75, 0.5  # of the budget
PLEASED = 0.5  # satisfaction from which a gift has pleased
LOSS = 0.03  # of the slate's expected best that a missing name may cost
NOT = -1.0


@dataclass(frozen=True)
class Traits:
    """[C] of gifts that may be shown."""

    price: Floats  # total, as far as known
    sure: Floats  # chance that it pleases
    meets: Floats  # how much of what was said it meets; 0: none of it
    expected: Floats

    @classmethod
    def of(cls, price: Floats, meets: Floats, rewards: Rewards) -> "Traits":
        above = normal_below((rewards.mean[0] - np.float32(PLEASED)) / rewards.spread[0])
        return cls(price, above * rewards.chance[0], meets, rewards.expected[0])


def fit(traits: Traits, budget: int) -> Floats:
    """[5, C] how well each gift carries each name; below 0: it would not be true."""
    price, expected = traits.price, traits.expected
    return np.stack(
        [
            traits.sure,
            np.where(traits.meets > 0, traits.meets, NOT),
            np.where(price >= MOST_OF * budget, price / budget, NOT),
            np.where(price <= HALF * budget, 1 - price / budget, NOT),
            np.where(traits.meets > 0, NOT, expected),
        ]
    ).astype(np.float32)


def with_names(slate: Numbers, may: npt.NDArray[np.bool_], traits: Traits, budget: int) -> Numbers:
    """The slate [K] with gifts swapped in for names that none of it could carry."""
    fits, slate = fit(traits, budget), slate.copy()
    floor = (1 - LOSS) * float(traits.expected[slate].max(initial=0.0))
    for name in range(1, len(NAMES)):
        if len(slate) < len(NAMES) or (fits[name, slate] >= 0).any():
            continue
        able = may & (fits[name] >= 0) & ~np.isin(np.arange(len(may)), slate)
        able &= traits.expected >= 0.6 * traits.expected[slate].min()
        if not able.any():
            continue
        best = int(np.where(able, traits.expected, -1).argmax())
        least = len(slate) - 1  # what was added last adds least
        without = np.delete(slate, least)
        if traits.expected[[*without, best]].max() >= floor:
            slate = np.append(without, best)
    return slate


def name(slate: Numbers, traits: Traits, budget: int) -> list[SlotName]:
    """A true name for each gift of the slate, each at most once; "also" for the others.

    A name that says "the dearest" or "the surest" goes to the gift of which it is true.
    """
    fits = fit(traits, budget)[:, slate]  # [5, K]
    for n in (0, 2, 3):  # superlatives
        best = fits[n].argmax() if fits.shape[1] else 0
        fits[n] = np.where(np.arange(fits.shape[1]) == best, fits[n], NOT)
    told: list[SlotName] = ["also"] * len(slate)
    free = set(range(len(slate)))
    for n in _order(fits):
        able = [at for at in free if fits[n, at] >= 0]
        if able:
            at = max(able, key=lambda place: float(fits[n, place]))
            told[at] = NAMES[n]
            free.remove(at)
    return told


def _order(fits: Floats) -> tuple[int, ...]:
    """The order of giving names that names most gifts; the usual one if it does as well."""
    rows = fits.tolist()
    able = [n for n, row in enumerate(rows) if max(row, default=NOT) >= 0]
    most, best, count = min(len(able), fits.shape[1]), tuple(able), -1
    for order in permutations(able):
        named = _named(order, rows)
        if named > count:
            best, count = order, named
        if count == most:
            break
    return best


def _named(order: Sequence[int], rows: list[list[float]]) -> int:
    """How many gifts get a name when names are given in this order."""
    free = set(range(len(rows[0])))
    for n in order:
        row = rows[n]
        able = [at for at in free if row[at] >= 0]
        if able:
            free.remove(max(able, key=row.__getitem__))
    return len(rows[0]) - len(free)

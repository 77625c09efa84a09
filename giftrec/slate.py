"""From rewards to the slate: the gifts whose best one is expected to please most.

A slate is worth its best gift. With gifts taken as independent, the chance that none of a slate
reaches t is the product of theirs, so its expected best is the integral of 1 - prod F_g(t); adding
the gift that raises it most, five times, is within 1 - 1/e of the optimum. Distinct categories
count a little: tastes within one are alike.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from giftrec.columns import Columns, Numbers
from giftrec.inputs import FEES, PRICE, Facts
from giftrec.normal import normal_below
from giftrec.predictions import Rewards

Bools = npt.NDArray[np.bool_]
SLATE = 5
DIVERSITY = 0.01  # worth of each further category
GRID = 48


def choose(
    rewards: Rewards,
    allowed: Bools,
    category: Numbers,
    size: int = SLATE,
    diversity: float = DIVERSITY,
) -> Numbers:
    """[B, size] gift numbers, best first, -1 where no gift is left that is `allowed` [B, G]."""
    t = ((np.arange(GRID) + 0.5) / GRID).astype(np.float32)
    above = normal_below((rewards.mean[..., None] - t) / rewards.spread[..., None])  # [B, G, T]
    above *= rewards.chance[..., None]
    missed = np.ones((len(allowed), GRID), dtype=np.float32)  # the chance that none reaches t
    taken = ~allowed
    seen = np.zeros((len(allowed), int(category.max()) + 1), dtype=np.bool_)
    rows, chosen = np.arange(len(allowed)), []
    for _ in range(size):
        gain = (above @ missed[..., None])[..., 0] / GRID
        gain = gain + diversity * ~seen[:, category] + 1e-6 * rewards.mean
        best = np.where(taken, -np.inf, gain).argmax(axis=1)
        open_ = ~taken[rows, best]
        chosen.append(np.where(open_, best, -1))
        missed = np.where(open_[:, None], missed * (1 - above[rows, best]), missed)
        taken[rows, best] = True
        seen[rows, category[best]] |= open_
    return np.stack(chosen, axis=1)


def allowed(who: Columns, listed: npt.NDArray[Any], facts: Facts, rewards: Rewards) -> Bools:
    """[B, G] gifts that may be shown: within the budget by all that is known, and not known to be
    out of stock or late. A price that was not asked for is taken as `listed` [G]."""
    price = np.where(facts.known[:, PRICE, None] > 0, facts.price, listed)
    fees = np.where(facts.known[:, FEES, None] > 0, facts.fees, 0.0)
    possible = (rewards.afford > -np.inf) & (rewards.arrive > -np.inf)
    within: Bools = (price + fees <= who.budget[:, None]) & possible
    return within

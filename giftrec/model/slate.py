"""From rewards to the slate: the gifts whose best one is expected to please most.

A slate is worth its best gift. With gifts taken as independent, the chance that none of a slate
reaches t is the product of theirs, so its expected best is the integral of 1 - prod F_g(t); adding
the gift that raises it most, five times, is within 1 - 1/e of the optimum. Distinct categories
count a little: tastes within one are alike.
"""

import torch
from torch import Tensor

from giftrec.model.inputs import Catalogue, Facts, Recipients
from giftrec.model.reward import FEES, PRICE, Reward

SLATE = 5
DIVERSITY = 0.01  # worth of each further category
GRID = 48


def choose(
    reward: Reward,
    allowed: Tensor,
    category: Tensor,
    size: int = SLATE,
    diversity: float = DIVERSITY,
) -> Tensor:
    """[B, size] gift numbers, best first, -1 where no gift is left that is `allowed` [B, G]."""
    t = (torch.arange(GRID, device=allowed.device) + 0.5) / GRID
    above = torch.special.ndtr((reward.mean[..., None] - t) / reward.spread[..., None])  # [B, G, T]
    above = above * reward.chance[..., None]
    missed = torch.ones(len(allowed), GRID, device=allowed.device)  # none reaches t
    taken = ~allowed & torch.ones_like(allowed)
    seen = torch.zeros(
        len(allowed), int(category.max()) + 1, dtype=torch.bool, device=allowed.device
    )
    rows, chosen = torch.arange(len(allowed), device=allowed.device), []
    for _ in range(size):
        gain = torch.einsum("bgt,bt->bg", above, missed) / GRID
        gain = gain + diversity * (~seen[:, category]) + 1e-6 * reward.mean
        best = torch.where(taken, -torch.inf, gain).argmax(1)
        open_ = ~taken[rows, best]
        chosen.append(torch.where(open_, best, -1))
        missed = torch.where(open_[:, None], missed * (1 - above[rows, best]), missed)
        taken[rows, best] = True
        seen[rows, category[best]] |= open_
    return torch.stack(chosen, dim=1)


def allowed(who: Recipients, gifts: Catalogue, facts: Facts, reward: Reward) -> Tensor:
    """[B, G] gifts that may be shown: within the budget by all that is known, and not known to be
    out of stock or late. A price that was not asked for is taken as listed."""
    price = torch.where(facts.known[:, PRICE, None] > 0, facts.price, gifts.price)
    fees = torch.where(facts.known[:, FEES, None] > 0, facts.fees, 0.0)
    return (price + fees <= who.budget[:, None]) & (reward.chance > 0)

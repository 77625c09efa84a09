"""A world in which only the last item matters, so the best possible hit rate is known.

Each item is followed by one of a few others with given probabilities; what a user has met never
comes again. A model of sequences can reach `best_hit_rate` and nothing can do better; a model of
sets cannot, as all items are met equally often, and mostly with the same others.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from cinesync.sources.frames import interactions
from reccore.data.dataset import Dataset, Table
from reccore.data.interactions import Histories

Chances = npt.NDArray[np.float64]
ODDS = (0.6, 0.3, 0.1)  # of an item's followers, the likeliest first


@dataclass(frozen=True, eq=False)
class Markov:
    """The data, and the chance [I, I] of an item (row) to be followed by another."""

    data: Dataset
    chances: Chances

    def after(self, histories: Histories) -> Chances:
        """What comes next, of items not met before: [B, I]."""
        rows = [_next(self.chances, histories.row(row)) for row in range(len(histories))]
        return np.stack(rows)

    def best_hit_rate(self, histories: Histories) -> float:
        """How often the likeliest next item is the right one: no model can beat it but by luck."""
        return float(self.after(histories).max(axis=1).mean())


def markov(users: int = 400, items: int = 40, length: int = 12, seed: int = 0) -> Markov:
    """Draw the world: ids are 0, 1, ... and a user's items are `length` steps of the chain."""
    assert length <= items // 2, "followers must remain to be met"
    rng = np.random.default_rng(seed)
    chances = np.zeros((items, items))
    for shift, odds in zip(rng.permutation(items - 1)[: len(ODDS)] + 1, ODDS, strict=True):
        chances[np.arange(items), (np.arange(items) + shift) % items] = odds
    relabelled = rng.permutation(items)
    chances = chances[relabelled][:, relabelled]
    met = np.empty((users, length), dtype=np.int64)
    for user in range(users):
        met[user, 0] = rng.integers(items)
        for step in range(1, length):
            met[user, step] = rng.choice(items, p=_next(chances, met[user, :step]))
    rows = pl.DataFrame(
        {
            "user": np.repeat(np.arange(users), length),
            "item": met.ravel(),
            "timestamp": np.tile(np.arange(length) * 3600, users),
        }
    )
    data = interactions(rows)
    assert len(data.item_ids) == items, "an item was never met: draw more users"
    order = data.item_ids.ids.to_numpy()
    world = Dataset("markov", data, Table(data.user_ids), Table(data.item_ids), "none needed")
    return Markov(world, chances[order][:, order])


def _next(chances: Chances, met: npt.NDArray[np.integer]) -> Chances:
    """Chances [I] after the last met item; even among the rest where all its followers are met."""
    row = chances[met[-1]].copy()
    row[met] = 0
    if not row.any():
        row[:] = 1
        row[met] = 0
    shares: Chances = row / row.sum()
    return shares

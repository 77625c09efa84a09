"""A block-structured world whose right answers are certain, for tests of every model.

User u and item i belong to blocks `u % blocks` and `i % blocks`. Users meet every item of their
own block and no other, so whatever a split holds back of a user must lead the user's list.
"""

import numpy as np
import polars as pl

from cinesync.sources.features import table
from cinesync.sources.frames import interactions
from reccore.data.dataset import Dataset, Table


def blocks(
    users: int = 64, items: int = 48, blocks: int = 4, disliked: int = 0, seed: int = 0
) -> Dataset:
    """Draw the world: ids are 0, 1, ...; order of time is random.

    Liked items are rated 5. `disliked` items of other blocks a user are rated 1: for models of
    ratings, as models of choice take any row for a choice. Genres are noise: what is right
    follows from behaviour only.
    """
    assert 2 <= blocks <= items, "more than one block, and an item for each"
    rng = np.random.default_rng(seed)
    liked = np.arange(users)[:, None] % blocks == np.arange(items) % blocks  # [U, I]
    lottery = np.where(liked, np.inf, rng.random(liked.shape))
    elsewhere = np.argsort(np.argsort(lottery, axis=1), axis=1) < disliked
    person, item = np.nonzero(liked | elsewhere & ~liked)
    rows = pl.DataFrame(
        {
            "user": person,
            "item": item,
            "value": np.where(liked[person, item], 5.0, 1.0),
            "timestamp": rng.permutation(len(person)),
        }
    )
    genres = [[f"genre {genre}"] for genre in rng.integers(3, size=items)]
    known = pl.DataFrame({"id": np.arange(items), "genres": genres})
    data = interactions(rows)
    return Dataset("blocks", data, Table(data.user_ids), table(data.item_ids, known), "none needed")

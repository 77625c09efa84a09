"""A world where the hour says what is chosen, and nothing else does, for tests of models of time.

Even items are chosen before noon (UTC), odd ones after it. Users choose at random moments of a
year, so neither who asks nor what was met before tells which half it will be: a model that knows
the hour can name it every time, one that does not guesses.
"""

import numpy as np
import polars as pl

from cinesync.sources.frames import interactions
from reccore.data.dataset import Dataset, Table

START = 1_672_531_200  # the first of January 2023
HOUR, DAYS = 3_600, 365


def hours(users: int = 60, items: int = 40, events: int = 16, seed: int = 0) -> Dataset:
    """Draw the world: ids are 0, 1, ...; a user meets an item once at most."""
    assert items % 2 == 0, "as many items before noon as after it"
    assert events <= items // 2, "a user may be unlucky, and choose in one half of the day alone"
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(users), events)
    hour = rng.integers(0, 24 * DAYS, len(person))
    even, odd = (np.argsort(rng.random((users, items // 2)), axis=1) * 2 + half for half in (0, 1))
    place = np.tile(np.arange(events), users)
    item = np.where(hour % 24 < 12, even[person, place], odd[person, place])
    second = START + hour * HOUR + rng.integers(0, HOUR, len(person))
    data = interactions(pl.DataFrame({"user": person, "item": item, "timestamp": second}))
    return Dataset("hours", data, Table(data.user_ids), Table(data.item_ids), "none needed")

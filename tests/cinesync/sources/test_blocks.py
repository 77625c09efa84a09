"""The block world: what is right is certain."""

import numpy as np

from cinesync.sources.blocks import blocks


def test_users_meet_their_own_block_whole() -> None:
    data = blocks(users=10, items=12, blocks=3)
    rows = data.interactions
    assert (rows.users % 3 == rows.items % 3).all()
    assert np.bincount(rows.users).tolist() == [4] * 10
    assert data.users.ids.ids.to_list() == list(range(10))
    assert data.items.ids.ids.to_list() == list(range(12))


def test_dislikes_are_elsewhere() -> None:
    rows = blocks(users=10, items=12, blocks=3, disliked=2).interactions
    own = rows.users % 3 == rows.items % 3
    assert rows.values is not None
    assert set(rows.values[own]) == {5.0}
    assert set(rows.values[~own]) == {1.0}
    assert np.bincount(rows.users[~own]).tolist() == [2] * 10


def test_seeded() -> None:
    assert blocks().interactions.fingerprint == blocks().interactions.fingerprint
    assert blocks().interactions.fingerprint != blocks(seed=1).interactions.fingerprint

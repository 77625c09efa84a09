import numpy as np
import pytest

from cinesync.sources.markov import ODDS, markov


def test_what_follows_is_what_the_chances_say() -> None:
    """Counted over the first steps, before anything that was met is left out."""
    world = markov(users=4000, items=30, length=3)
    histories = world.data.interactions.histories
    pairs = histories.items[histories.offsets[:-1][:, None] + np.arange(2)]
    counts = np.zeros_like(world.chances)
    np.add.at(counts, (pairs[:, 0], pairs[:, 1]), 1)
    found = counts / counts.sum(axis=1, keepdims=True)
    assert np.abs(found - world.chances).max() < 0.15
    assert found.max(axis=1).mean() == pytest.approx(ODDS[0], abs=0.03)


def test_nothing_comes_twice() -> None:
    histories = markov(users=50).data.interactions.histories
    assert all(len(set(histories.row(row).tolist())) == 12 for row in range(len(histories)))


def test_what_was_met_has_no_chance() -> None:
    world = markov(users=50)
    histories = world.data.interactions.histories
    after = world.after(histories)
    np.testing.assert_allclose(after.sum(axis=1), 1)
    assert not after[histories.row_of, histories.items].any()


def test_it_is_its_seed() -> None:
    same, other = (markov(users=20, items=30, seed=seed).data.interactions for seed in (0, 1))
    assert markov(users=20, items=30).data.interactions.fingerprint == same.fingerprint
    assert same.fingerprint != other.fingerprint

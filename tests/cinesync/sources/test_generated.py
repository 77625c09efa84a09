"""The generated world: its truth is right, and there is something to learn from its shape."""

from itertools import combinations, permutations
from math import prod

import numpy as np
import polars as pl
import pytest

from cinesync.sources import load
from cinesync.sources.generated import DAY, FIRST_SECOND, GeneratedSettings, World, world
from reccore.errors import UserError

SMALL = GeneratedSettings(users=300, items=200)


@pytest.fixture(scope="module")
def small() -> World:
    return world(SMALL, seed=0)


def test_same_seed_same_bits(small: World) -> None:
    assert world(SMALL, seed=0).rows.equals(small.rows)
    assert not world(SMALL, seed=1).rows.equals(small.rows)


def test_default_is_shaped_like_movielens() -> None:
    data = load().dataset
    assert (len(data.users), len(data.items)) == (2000, 1200)
    assert 110_000 < len(data.interactions) < 125_000
    rows = data.interactions
    assert rows.values is not None
    assert rows.timestamps is not None
    assert set(np.unique(rows.values)) == {1, 2, 3, 4, 5}
    assert 3.4 < rows.values.mean() < 3.9
    assert rows.timestamps.min() >= FIRST_SECOND
    assert rows.timestamps.max() < FIRST_SECOND + 1095 * DAY
    assert np.bincount(rows.users).min() >= 20
    popularity = np.sort(np.bincount(rows.items))[::-1]
    assert popularity[:120].sum() > 0.3 * len(rows)  # the top tenth
    assert set(data.items.features) == {"genres", "content_type", "decade"}
    assert data.items.features["content_type"].vocabulary == ("Movie", "TV")
    assert set(data.users.features) == {"age"}
    assert data.items.titles is not None
    assert len(set(data.items.titles)) == 1200


def test_rows_are_unique_and_in_time_order(small: World) -> None:
    assert not small.rows.select("user", "item").is_duplicated().any()
    assert small.rows.select("user", "timestamp").equals(
        small.rows.select("user", "timestamp").sort("user", "timestamp")
    )


def test_choices_follow_the_weights(small: World) -> None:
    """Of Plackett-Luce draws, the chance to be among them rises with the weight."""
    met = np.zeros(small.log_weights.shape, dtype=bool)
    met[small.rows["user"].to_numpy() - 1, small.rows["item"].to_numpy() - 1] = True
    rank = np.argsort(np.argsort(-small.log_weights, axis=1), axis=1)
    shares = [met[(rank >= low) & (rank < low + 20)].mean() for low in range(0, 200, 20)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.6
    assert shares[-1] < 0.02


def test_ranking_by_weight_is_best_exactly() -> None:
    """By brute force: given what was kept, P(held) falls as the weight does."""
    weights = [5.0, 3.0, 2.0, 1.0, 0.5]
    drawn = 3

    def chance(chosen: tuple[int, ...]) -> float:
        """Plackett-Luce probability of a set: over all its orders."""
        total = 0.0
        for order in permutations(chosen):
            left = [sum(weights) - sum(weights[i] for i in order[:n]) for n in range(drawn)]
            total += prod(weights[i] / z for i, z in zip(order, left, strict=True))
        return total

    for kept in range(5):
        others = [i for i in range(5) if i != kept]
        held = {
            i: sum(chance((kept, *pair)) for pair in combinations(others, 2) if i in pair)
            for i in others
        }
        assert sorted(held, key=lambda i: -held[i]) == others


def test_taste_drifts(small: World) -> None:
    """What suits the later taste is met later."""
    people, titles = small.rows["user"].to_numpy() - 1, small.rows["item"].to_numpy() - 1
    drift = small.drift[people, titles]
    tau = (small.rows["timestamp"].to_numpy() - small.begins[people]) / small.spans[people]
    assert tau[drift > 1].mean() > 0.65
    assert tau[drift < -1].mean() < 0.35
    still = world(GeneratedSettings(users=300, items=200, drift=0.0))
    assert not still.drift.any()


def test_expected_ratings_by_simulation(small: World) -> None:
    rng = np.random.default_rng(0)
    means = small.means[:3, :4]
    noise = small.settings.noise * rng.normal(size=(200_000, 3, 4))
    ratings = np.clip(np.rint(means + noise), 1, 5)
    np.testing.assert_allclose(small.expected_ratings[:3, :4], ratings.mean(0), atol=0.01)
    np.testing.assert_allclose(small.rating_variances[:3, :4], ratings.var(0), atol=0.01)


def test_known_features_help_and_settings_reach_the_world() -> None:
    data = load("generated", options={"users": "50", "items": 60}, seed=4).dataset
    assert len(data.users) == 50
    with pytest.raises(UserError, match="users=1"):
        load("generated", options={"users": "1"})
    with pytest.raises(UserError, match=r"unknown setting user .*did you mean users"):
        load("generated", options={"user": "10"})


def test_unmet_titles_are_no_part_of_the_data() -> None:
    options = {"users": 3, "items": 400, "mean_events": 5, "min_events": 2}
    data = load("generated", options=options).dataset
    assert len(data.items) == len(np.unique(data.interactions.items)) < 400


def test_items_have_one_to_three_genres(small: World) -> None:
    lengths = small.items["genres"].list.len()
    assert set(lengths.to_list()) == {1, 2, 3}
    assert small.items.select(pl.col("title").str.contains(r" \(\d{4}\)$").all()).item()

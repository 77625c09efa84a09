import time
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from giftrec.catalog.world import (
    AS_OF,
    REVIEWS,
    SHOPS,
    WEEKS,
    World,
    default_world,
    normal_of,
    uniform,
)
from giftrec.schema import Offer, Review
from reccore.errors import UserError

EXACT = ("price", "fees", "volatility", "lead_days", "stock", "rating", "reviews")
TABLES = ("offers", "prices", "demand", "reviews")


def of_gift(table: pl.DataFrame, gift: str) -> pl.DataFrame:
    return table.filter(pl.col("gift") == gift)


@given(st.permutations(range(45)), st.integers(1, 45))
def test_a_gift_has_its_own_listing_in_whatever_company(world, order, count):
    some = order[:count]
    other = World(tuple(world.gifts[g] for g in some), world.vocabulary, world.seed)
    for name in EXACT:
        there = getattr(other.listing, name)
        assert there.tolist() == getattr(world.listing, name)[some].tolist()
    np.testing.assert_allclose(other.listing.demand, world.listing.demand[some], atol=1e-12)


def test_a_gift_has_its_own_rows_in_whatever_company(world):
    order = np.random.default_rng(0).permutation(len(world))
    other = World(tuple(world.gifts[g] for g in order), world.vocabulary, world.seed)
    for name in TABLES:
        ours, theirs = getattr(world, name), getattr(other, name)
        assert len(ours) == len(theirs)
        for gift in world.gifts:
            drop = ["number"] if name == "offers" else []  # a gift's place, of course
            mine = of_gift(ours, gift.id).drop(drop)
            assert len(mine) > 0
            assert mine.equals(of_gift(theirs, gift.id).drop(drop))


def test_one_seed_gives_one_world(world):
    same, other = default_world(), default_world(seed=8)
    for name in TABLES:
        assert getattr(same, name).equals(getattr(world, name))
        assert not getattr(other, name).equals(getattr(world, name))
    assert same.listing.demand.tolist() == world.listing.demand.tolist()


def test_index_and_categories_name_the_gifts(world):
    names = list(world.vocabulary.gift_categories)
    for number, gift in enumerate(world.gifts):
        assert world.index[gift.id] == number
        assert names[world.categories[number]] == gift.category


def test_offers_are_sound(world):
    listed = {gift.id: gift.price for gift in world.gifts}
    for row in world.offers.drop("number").iter_rows(named=True):
        offer = Offer(**row)
        assert offer.shop in SHOPS
        assert offer.as_of == AS_OF
        assert offer.price >= listed[offer.gift]
    for gift in world.gifts:
        offers = of_gift(world.offers, gift.id)
        assert 3 <= len(offers) <= 5
        assert offers["shop"].n_unique() == len(offers)
    assert world.offers["shop"].n_unique() == len(SHOPS)


def test_the_listing_is_that_of_the_offers(world):
    for number, gift in enumerate(world.gifts):
        offers = of_gift(world.offers, gift.id)
        cheapest = offers.filter(pl.col("price") == offers["price"].min())
        in_stock = offers.filter(pl.col("stock") > 0)
        assert world.listing.price[number] == offers["price"].min() == gift.price
        assert world.listing.fees[number] in cheapest["fees"].to_list()
        assert world.listing.stock[number] == offers["stock"].sum()
        soonest = in_stock["lead_days"].min() if len(in_stock) else 14
        assert world.listing.lead_days[number] == soonest


def test_the_price_history_ends_with_the_listed_price(world):
    for number, gift in enumerate(world.gifts):
        history = of_gift(world.prices, gift.id)
        expected = [AS_OF - timedelta(weeks=w) for w in reversed(range(WEEKS))]
        assert history["week"].to_list() == expected
        assert history["price"][-1] == world.listing.price[number]
        assert history["price"].min() >= 1


def test_the_price_history_shows_which_prices_move():
    world = default_world(400)
    moves = np.diff(np.log(world.prices["price"].to_numpy().reshape(400, WEEKS)), axis=1)
    assert np.corrcoef(moves.std(axis=1), world.listing.volatility)[0, 1] > 0.85


def test_the_listed_demand_is_the_slope_of_the_weekly_demand(world):
    for number, gift in enumerate(world.gifts):
        weekly = of_gift(world.demand, gift.id)
        assert weekly["week"].to_list()[-1] == AS_OF
        assert len(weekly) == WEEKS
        last = np.log1p(weekly["sold"].to_numpy()[-8:])
        slope, _ = np.polyfit(np.arange(8), last, 1)
        assert world.listing.demand[number] == pytest.approx(slope, abs=1e-9)
    assert world.demand["sold"].min() >= 0


def test_reviews_are_sound_and_the_listing_counts_them(world):
    fewest, most = REVIEWS
    for row in world.reviews.iter_rows(named=True):
        review = Review(**row)
        assert review.on <= AS_OF
        assert "{" not in review.text
        assert len(review.text.split(". ")) >= 2
    for number, gift in enumerate(world.gifts):
        stars = of_gift(world.reviews, gift.id)["stars"]
        assert fewest <= len(stars) <= most
        assert world.listing.reviews[number] == len(stars)
        shrunk = (stars.sum() + 3 * 3.7) / (len(stars) + 3)
        assert world.listing.rating[number] == pytest.approx(shrunk)
    titled = sum(
        gift.title in text
        for gift in world.gifts
        for text in of_gift(world.reviews, gift.id)["text"]
    )
    assert titled > len(world)


def test_better_gifts_are_rated_higher():
    world = default_world(400)
    quality = np.array([gift.quality for gift in world.gifts])
    assert np.corrcoef(quality, world.listing.rating)[0, 1] > 0.6


def test_a_world_without_gifts_is_refused(world):
    with pytest.raises(UserError, match="the world has no gifts"):
        World((), world.vocabulary)


def test_thousands_of_gifts_are_quick():
    began = time.perf_counter()
    world = default_world(3000, seed=3)
    listing = world.listing
    assert time.perf_counter() - began < 5
    assert len(world) == 3000
    for name in (*EXACT, "demand"):
        column = getattr(listing, name)
        assert column.shape == (3000,)
        assert np.isfinite(column).all()
    assert listing.price.tolist() == [gift.price for gift in world.gifts]


def test_drawn_numbers_are_uniform_and_normal():
    seeds = np.random.default_rng(0).integers(0, 2**63, 5000).astype(np.uint64)
    u = uniform(seeds, 12345, 4)
    assert ((u > 0) & (u < 1)).all()
    for column in u.T:
        assert kstest(column, "uniform").pvalue > 0.001
    z = normal_of(u[:, :2], u[:, 2:])
    assert kstest(z.ravel(), "norm").pvalue > 0.001
    assert np.abs(np.corrcoef(u.T) - np.eye(4)).max() < 0.06
    assert np.abs(uniform(seeds, 12346, 4) - u).min() > 0  # another purpose, other numbers


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8), st.integers(0, 2**63 - 1))
def test_a_drawn_number_belongs_to_its_seed_and_column(seeds, salt):
    table = uniform(np.array(seeds, dtype=np.uint64), salt, 3)
    for row, seed in zip(table.tolist(), seeds, strict=True):
        alone = uniform(np.array([seed], dtype=np.uint64), salt, 5)[0]
        assert row == alone[:3].tolist()

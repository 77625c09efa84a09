"""The tools over a written snapshot, and over real data."""

from datetime import date, timedelta

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold

from benchmarks.gift_reviews import toy_reviews
from benchmarks.gift_tools import requests
from benchmarks.gift_trends import forecasts, real_shop
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.sources.generated import generated
from giftrec.catalog.writing import write_snapshot
from giftrec.tools.provider import SnapshotProvider
from giftrec.tools.runner import Runner
from giftrec.tools.sentiment import ListReader, load, median_stars, positive, read
from giftrec.tools.train_sentiment import fit, main
from giftrec.tools.trends import TrendRequest, trend_analyzer
from giftrec.vocabulary import TOOLS


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    path = tmp_path_factory.mktemp("catalogue") / "gifts.duckdb"
    tables, facts = generated(None)
    write_snapshot(path, tables, facts)
    with Snapshot.open(path) as opened:
        yield opened


def test_all_tools_answer_over_a_snapshot(snapshot):
    runner = Runner(SnapshotProvider(snapshot).prepare())
    asked = requests(tuple(snapshot.ids), np.random.default_rng(0))
    runner.warm(asked)
    done = runner.run_sync(asked, 10.0)
    runner.close()
    assert {name: e.status for name, e in done.envelopes.items()} == dict.fromkeys(TOOLS, "ok")
    offers = snapshot.offers
    for gift in done.envelopes["price_comparison"].data.gifts:
        mine = offers.filter((offers["gift"] == gift.gift) & (offers["stock"] > 0))
        trusted = [offer.shop for offer in gift.offers if offer.doubt is None]
        mine = mine.filter(mine["shop"].is_in(trusted))
        assert gift.best.landed.minor == (mine["price"] + mine["fees"]).min()


def test_a_reader_learns_from_a_catalogues_own_reviews(snapshot, tmp_path):
    out = tmp_path / "sentiment.json"
    assert main(["--catalogue", str(snapshot.path), "--out", str(out)]) == 0
    good, bad = positive(load(out).chances([read("I love it"), read("a complete waste")]))
    assert good > bad


@pytest.mark.usefixtures("real_data")
def test_stars_are_read_out_of_real_reviews_better_than_the_majority_does():
    reviews = toy_reviews()
    texts, stars = reviews["text"].to_list(), reviews["stars"].to_numpy()
    gifts = reviews["gift"].to_numpy()
    good, told = np.zeros(len(stars), dtype=bool), np.zeros(len(stars))
    for train, test in GroupKFold(3).split(texts, stars, gifts):
        reader = fit([texts[i] for i in train], stars[train], gifts[train])
        chances = reader.chances([read(texts[i]) for i in test])
        good[test], told[test] = positive(chances) > reader.threshold, median_stars(chances)
    assert balanced_accuracy_score(stars > 3, good) > 0.80
    assert np.abs(told - stars).mean() < 0.85 * np.abs(5 - stars).mean()
    lists = positive(ListReader().chances([read(text) for text in texts])) > ListReader.threshold
    assert balanced_accuracy_score(stars > 3, lists) > 0.75


@pytest.mark.usefixtures("real_data")
def test_on_a_real_shop_the_forecast_beats_seasonal_naive_and_trends_are_rare():
    shop = real_shop()
    week = shop.sold.shape[1] - 4
    which = np.flatnonzero((shop.first < week - 26) & (shop.sold[:, :week].mean(1) >= 10))[:600]
    frames = shop.until(week, which)
    today: date = shop.monday + timedelta(weeks=week)
    found = trend_analyzer(
        TrendRequest(gifts=tuple(frames.names), on=today), SnapshotProvider(frames)
    )
    ours, theirs = [], []
    for product, gift in zip(which, found.gifts, strict=True):
        said = forecasts(gift, shop.sold[product, :week])
        true = shop.sold[product, week:]
        ours.append(np.abs(said["trend"] - true).mean())
        theirs.append(np.abs(said["seasonal-naive"] - true).mean())
    assert np.mean(ours) < np.mean(theirs)
    assert np.mean([gift.trend in ("rising", "falling") for gift in found.gifts]) < 0.06

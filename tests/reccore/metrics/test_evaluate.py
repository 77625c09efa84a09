import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from reccore.config import validate
from reccore.data.interactions import Histories
from reccore.errors import UserError
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.metrics.ranking import RANKING, relevance
from reccore.metrics.topk import top_k

QUICK = EvaluateSettings(k=(3, 10), bootstrap=50)


def test_reports_every_metric_of_the_contract(world):
    w = world()
    found = evaluate(w.model(rates=True), w.holdout, w.catalogue, QUICK)
    ranked = {*RANKING, "diversity", "novelty", "serendipity", "popularity_calibration"}
    ranked |= {"coverage", "gini"}
    expected = {f"{name}@{k}" for name in ranked for k in (3, 10)} | {"rmse", "mse", "mae"}
    assert set(found.summary) == set(found.values()) == expected
    assert all(np.isfinite(list(found.values().values())))
    for name, metric in found.summary.items():
        if name.startswith(("coverage", "gini")):
            assert metric.low is None
        else:
            assert metric.low <= metric.value <= metric.high, name
    groups = {"history:short", "history:medium", "history:long"}
    assert set(found.groups) == groups | {"items:head", "items:mid", "items:tail"}


def test_per_user_values_are_those_of_the_pure_functions(world):
    w = world()
    found = evaluate(w.model(), w.holdout, w.catalogue, QUICK)
    items, _ = top_k(w.scores, w.holdout.histories, 10)
    hits, n = relevance(items, w.holdout.targets, 40)
    for name, metric in RANKING.items():
        for k in (3, 10):
            assert np.array_equal(found.per_user[f"{name}@{k}"], metric(hits[:, :k], n))
            mean = found.per_user[f"{name}@{k}"].mean()
            assert found.summary[f"{name}@{k}"].value == pytest.approx(mean)
    covered = np.unique(items[:, :3])
    assert found.values()["coverage@3"] == len(covered) / 40


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("block_bytes", "block_users"), [(1, 9), (4 * 40 * 7, 99), (1 << 28, 13)])
def test_any_block_gives_the_same_result(world, ties, block_bytes, block_users):
    w = world(ties=ties)
    whole = evaluate(w.model(), w.holdout, w.catalogue, QUICK)
    settings = QUICK.model_copy(update={"block_bytes": block_bytes, "block_users": block_users})
    model, calls = w.model(), []
    blocked = evaluate(model, w.holdout, w.catalogue, settings, lambda *at: calls.append(at))
    assert json.dumps(blocked.to_json()) == json.dumps(whole.to_json())
    for name, values in whole.per_user.items():
        assert np.array_equal(values, blocked.per_user[name], equal_nan=True), name
    assert model.largest == max(1, min(block_users, block_bytes // 160)) < 60
    assert calls[-1] == (60, 60)
    assert sorted(calls) == calls


def test_a_model_that_knows_the_targets_is_perfect(world):
    w = world()
    scores = np.zeros((60, 40))
    scores[w.holdout.targets.row_of, w.holdout.targets.items] = 1
    found = evaluate(w.model(scores), w.holdout, w.catalogue, QUICK).values()
    for name in ("ndcg", "recall_capped", "hit", "mrr", "map"):
        assert found[f"{name}@10"] == pytest.approx(1), name
    assert found["recall@10"] == 1


def test_seen_items_are_removed(world):
    w = world()
    scores = np.array(w.scores)
    scores[w.holdout.histories.row_of, w.holdout.histories.items] = 1e9
    seen_first = evaluate(w.model(scores), w.holdout, w.catalogue, QUICK)
    assert seen_first.values() == evaluate(w.model(), w.holdout, w.catalogue, QUICK).values()


def test_users_without_targets_are_not_measured(world):
    w = world()
    rows = [w.holdout.targets.row(u) if u % 2 else np.empty(0, np.int32) for u in range(60)]
    holdout = replace(w.holdout, targets=Histories.of_lists(rows))
    found = evaluate(w.model(), holdout, w.catalogue, QUICK)
    assert found.users.tolist() == list(range(1, 60, 2))
    whole = evaluate(w.model(), w.holdout, w.catalogue, QUICK)
    assert np.array_equal(found.per_user["ndcg@10"], whole.per_user["ndcg@10"][1::2])
    with pytest.raises(UserError, match="no held-out user"):
        evaluate(w.model(), replace(holdout, targets=Histories.empty(60)), w.catalogue, QUICK)


def test_ratings_are_measured_only_where_model_and_data_have_them(world):
    w = world()
    rows = w.holdout.rows
    found = evaluate(w.model(rates=True), w.holdout, w.catalogue, QUICK)
    error = w.scores[rows.users, rows.items] - rows.values
    assert found.summary["rmse"].value == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-6)
    assert "rmse" not in evaluate(w.model(), w.holdout, w.catalogue, QUICK).summary
    unrated = replace(w.holdout, rows=replace(rows, values=None))
    assert "rmse" not in evaluate(w.model(rates=True), unrated, w.catalogue, QUICK).summary


def test_nan_is_an_error_that_says_so(world):
    w = world()
    scores = np.array(w.scores)
    scores[3] = np.nan
    with pytest.raises(UserError, match="scores NaN for 1 of"):
        evaluate(w.model(scores), w.holdout, w.catalogue, QUICK)

    class Broken(w.lookup):
        def predict(self, users, items):
            return np.full(len(users), np.nan, dtype=np.float32)

    with pytest.raises(UserError, match="predicts NaN"):
        evaluate(Broken(w.scores, rates=True), w.holdout, w.catalogue, QUICK)


def test_a_model_of_another_catalogue_is_a_bug(world):
    w = world()
    with pytest.raises(AssertionError, match="expected"):
        evaluate(w.model(w.scores[:, :30]), w.holdout, w.catalogue, QUICK)


def test_without_bootstrap_there_are_no_intervals(world):
    w = world()
    settings = EvaluateSettings(k=(5,), bootstrap=0)
    found = evaluate(w.model(rates=True), w.holdout, w.catalogue, settings)
    assert all(metric.low is None for metric in found.summary.values())


def test_items_without_the_feature_have_no_diversity(world):
    w = world()
    settings = QUICK.model_copy(update={"diversity_feature": "mood"})
    assert "diversity@10" not in evaluate(w.model(), w.holdout, w.catalogue, settings).summary


def test_lists_longer_than_the_catalogue(world):
    w = world()
    found = evaluate(w.model(), w.holdout, w.catalogue, EvaluateSettings(k=(100,), bootstrap=0))
    assert found.values()["recall@100"] == 1
    assert found.values()["coverage@100"] == 1


def test_cold_users_have_no_calibration(world):
    w = world()
    cold = replace(w.holdout, histories=Histories.empty(60))
    found = evaluate(w.model(), cold, w.catalogue, QUICK)
    assert "popularity_calibration@10" not in found.summary
    assert json.loads(json.dumps(found.to_json()))["users"] == 60


def test_json_has_figures_and_intervals(world):
    w = world()
    tree = json.loads(json.dumps(evaluate(w.model(), w.holdout, w.catalogue, QUICK).to_json()))
    assert set(tree) == {"users", "metrics", "groups"}
    assert set(tree["metrics"]["ndcg@10"]) == {"value", "low", "high"}


@pytest.mark.parametrize("tree", [{"k": [0]}, {"k": [-3]}, {"k": []}, {"bootstrap": -1}])
def test_bad_settings_are_named(tree):
    with pytest.raises(UserError, match=next(iter(tree))):
        validate(EvaluateSettings, tree, "--set")


def test_library_is_silent(world, capsys):
    w = world()
    evaluate(w.model(), w.holdout, Catalogue.of(w.data), QUICK)
    assert capsys.readouterr() == ("", "")


def test_memory_is_bounded_by_the_block_not_by_the_catalogue(world):
    """3,000 users x 4,000 items are 48 MB of scores; blocks of 1 MB need a fraction of that."""
    users, items = 3000, 4000
    w = world(users=users, items=items)
    vectors = np.random.default_rng(0).standard_normal((users + items, 4), dtype=np.float32)

    class Dot(w.lookup):
        def score(self, batch):
            return self.scores[batch.codes] @ self.scores[users:].T

    settings = EvaluateSettings(k=(10,), bootstrap=0, block_bytes=1 << 20)
    tracemalloc.start()
    try:
        evaluate(Dot(vectors), w.holdout, w.catalogue, settings)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12e6

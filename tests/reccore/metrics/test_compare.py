from dataclasses import replace

import numpy as np
import pytest

from reccore.data.interactions import Histories
from reccore.errors import UserError
from reccore.metrics.compare import compare
from reccore.metrics.evaluate import EvaluateSettings, evaluate

SETTINGS = EvaluateSettings(k=(5,), bootstrap=0)


def measured(w, scores, rates=False, holdout=None):
    return evaluate(w.model(scores, rates), holdout or w.holdout, w.catalogue, SETTINGS)


def informed(w, strength):
    scores = np.array(w.scores)
    scores[w.holdout.targets.row_of, w.holdout.targets.items] += strength
    return scores


def test_the_better_model_is_found_from_either_side(world):
    w = world()
    good, bad = measured(w, informed(w, 2.0)), measured(w, w.scores)
    found = compare(good, bad)["ndcg@5"]
    assert found.better == "a"
    assert 0 < found.low < found.value < found.high
    expected = good.values()["ndcg@5"] - bad.values()["ndcg@5"]
    assert found.value == pytest.approx(expected)
    turned = compare(bad, good)["ndcg@5"]
    assert turned.better == "b"
    assert turned.value == pytest.approx(-found.value)


def test_a_model_is_not_better_than_itself(world):
    w = world()
    one = measured(w, w.scores, rates=True)
    for name, found in compare(one, one).items():
        assert (found.value, found.low, found.high, found.better) == (0, 0, 0, None), name


def test_pairing_sees_what_separate_intervals_cannot(world):
    w = world(users=300)
    noisy, slightly = measured(w, w.scores), measured(w, informed(w, 0.15))
    paired = compare(slightly, noisy)["recall@5"]
    assert paired.better == "a"
    spread = np.std(noisy.per_user["recall@5"]) / np.sqrt(300)
    assert (paired.high - paired.low) / 2 < 1.96 * spread  # half the width of one alone


def test_lower_errors_and_divergences_are_better(world):
    w = world()
    rows = w.holdout.rows
    scores = np.full((60, 40), 3.0)
    close = np.array(scores)
    close[rows.users, rows.items] = 0.8 * rows.values + 0.6
    a, b = measured(w, close, rates=True), measured(w, scores, rates=True)
    found = compare(a, b)
    for name in ("rmse", "mse", "mae"):
        assert found[name].better == "a", name
        assert found[name].value == pytest.approx(a.values()[name] - b.values()[name])
        assert found[name].high < 0


def test_only_common_users_count(world):
    w = world()
    rows = [w.holdout.targets.row(u) if u >= 20 else np.empty(0, np.int32) for u in range(60)]
    fewer = replace(w.holdout, targets=Histories.of_lists(rows))
    a, b = measured(w, informed(w, 2.0)), measured(w, w.scores, holdout=fewer)
    expected = (a.per_user["ndcg@5"][20:] - b.per_user["ndcg@5"]).mean()
    assert compare(a, b)["ndcg@5"].value == pytest.approx(expected)


def test_nothing_in_common_is_an_error(world):
    w = world()
    one = measured(w, w.scores)
    with pytest.raises(UserError, match="no user in common"):
        compare(one, replace(one, users=one.users + 1000))
    with pytest.raises(UserError, match="no metric in common"):
        compare(one, replace(one, per_user={}))
    with pytest.raises(UserError, match="bootstrap=0"):
        compare(one, one, bootstrap=0)


def test_false_alarms_are_rare():
    """Two equally good models: about one interval in twenty excludes 0."""
    from reccore.metrics.evaluate import Evaluation

    rng = np.random.default_rng(0)
    users = np.arange(150, dtype=np.int32)
    alarms = 0
    for trial in range(200):
        a, b = (Evaluation(users, {"ndcg@5": rng.random(150)}, {}, {}) for _ in range(2))
        alarms += compare(a, b, 300, seed=trial)["ndcg@5"].better is not None
    assert 1 <= alarms <= 22

"""`giftrec test-best` as a function: every figure with its interval, beside every baseline."""

import json

import pytest

from giftrec.judge import Judge
from giftrec.scenarios.files import write_scenarios
from giftrec.show import LEADING
from giftrec.testing import FRESH_SEED, describe, judged, reliability
from reccore.errors import UserError

PARTS = ("train", "validation", "fresh")
RIVALS = ["random", "popularity", "nearest", "formula", "boosting"]
FRESH = 12


@pytest.fixture(scope="module")
def said():
    return []


@pytest.fixture(scope="module")
def tested(one_array, run, said):
    return judged(run, fresh=FRESH, say=said.append)


@pytest.fixture(scope="module")
def content(tested):
    """As a program reads it: through JSON and back."""
    return json.loads(json.dumps(tested.to_json(), allow_nan=False))


def test_every_metric_has_a_value_and_an_interval(content):
    for part in PARTS:
        names = set(LEADING) - ({"generalisation_gap"} if part == "train" else set())
        assert names <= content[part].keys()
        for name, metric in content[part].items():
            assert metric.keys() == {"value", "low", "high"}
            assert metric["low"] <= metric["high"]
            if name != "reward_ece":  # absolute gaps: resamples are further off than the whole
                assert metric["low"] <= metric["value"] <= metric["high"], (part, name)
    for name in ("category_match", "category_f1", "tool_match", "tool_f1", "diversity"):
        assert all(0 <= content[part][name]["value"] <= 1 for part in PARTS)


def test_every_baseline_is_judged_on_the_same_scenarios(content):
    assert list(content["baselines"]) == RIVALS
    for rival in content["baselines"].values():
        assert list(rival) == ["validation", "fresh"]
        for part, metrics in rival.items():
            assert metrics.keys() == content[part].keys() - {"generalisation_gap"}
            assert metrics["budget_violations"]["value"] == 0
    worth = {name: rival["fresh"]["worth"]["value"] for name, rival in content["baselines"].items()}
    assert len(set(worth.values())) > 1


def test_it_says_what_was_tested(content, run):
    assert content["run"] == str(run.path)
    assert content["data_fingerprint"] == run.manifest["data_fingerprint"]
    assert content["scenarios"] == {"train": 19, "validation": 5, "fresh": FRESH}
    assert (content["preset"], content["seed"]) == ("compact", 0)
    assert content["fresh_seed"] == FRESH_SEED != run.settings.seed


def test_the_model_is_judged_as_the_judge_does(content, run):
    on = run.ground
    metrics = Judge(run.world, on.validation).verdict(run.recommender.answer(on.validation))
    for name, metric in metrics.metrics().items():
        assert content["validation"][name]["value"] == pytest.approx(metric.value)
        stored = run.manifest["evaluation"][name]
        assert content["validation"][name] == pytest.approx(stored)


def test_the_gap_is_between_training_and_the_rest(content):
    train = content["train"]["quality"]["value"]
    for part in ("validation", "fresh"):
        gap = content[part]["generalisation_gap"]
        assert gap["value"] == pytest.approx(train - content[part]["quality"]["value"])
        assert gap["low"] < gap["value"] < gap["high"]


def test_the_worst_cases_lost_most(content):
    lost = [case["lost"] for case in content["worst"]]
    assert len(lost) == 10
    assert lost == sorted(lost, reverse=True)
    assert len({case["scenario"] for case in content["worst"]}) == 10
    for case in content["worst"]:
        assert case["scenario"].startswith(f"s{FRESH_SEED}-")
        assert case["lost"] == pytest.approx(case["best"] - case["worth"])
        assert len(case["answered"]) <= 5
    mean = content["fresh"]["worth"]["value"]
    assert min(case["worth"] for case in content["worst"]) <= mean


def test_fairness_is_over_all_fresh_scenarios(content, world):
    for factor, rows in content["fairness"].items():
        assert [row["group"] for row in rows] == [
            level
            for level in world.vocabulary.levels(factor)
            if level in {r["group"] for r in rows}
        ]
        assert sum(row["scenarios"] for row in rows) == FRESH
        mean = sum(row["scenarios"] * row["worth"] for row in rows) / FRESH
        assert mean == pytest.approx(content["fresh"]["worth"]["value"], abs=1e-4)
        for row in rows:
            assert sum(row["categories"].values()) <= 1.01
            assert len(row["categories"]) == 3
    assert set(content["fairness"]) == {"relationship", "age_group"}


def test_reliability_is_what_the_calibration_error_is_made_of(content):
    bins = content["reliability"]
    pairs = sum(b["pairs"] for b in bins)
    gap = sum(b["pairs"] * abs(b["predicted"] - b["received"]) for b in bins) / pairs
    assert gap == pytest.approx(content["fresh"]["reward_ece"]["value"])
    predicted = [b["predicted"] for b in bins]
    assert predicted == sorted(predicted)
    assert 0 <= predicted[0] <= predicted[-1] <= 1


def test_bins_without_pairs_are_left_out(run):
    on = run.ground
    verdict = Judge(run.world, on.validation).verdict(
        run.recommender.answer(on.validation), tools=False
    )
    counts = verdict.calibration.sum(axis=0)[:, 0]
    assert [b["pairs"] for b in reliability(verdict)] == [n for n in counts if n > 0]


def test_progress_is_told(tested, said):
    assert tested.run
    assert any(f"{FRESH} fresh" in text for text in said)
    assert all(any(rival in text for text in said) for rival in RIVALS)


def test_fewer_than_two_fresh_scenarios_are_refused(run):
    with pytest.raises(UserError, match="--fresh is 1"):
        judged(run, fresh=1)


def test_a_missing_file_is_refused_before_the_work(run, tmp_path):
    begun = []
    with pytest.raises(UserError, match="no such file"):
        judged(run, scenarios=tmp_path / "none.json", say=begun.append)
    assert begun == []


def test_a_recipient_is_described_in_a_line(shipped):
    one = shipped[0]
    line = describe(one)
    assert "\n" not in line
    for word in (*one.profile.hobbies, *one.profile.preferences, str(one.profile.budget)):
        assert word in line


def test_scenarios_without_outcomes_can_be_trained_on_and_tested(
    one_array, shipped, tmp_path, world
):
    from giftrec import settings, training
    from giftrec.runs import Run

    path = tmp_path / "bare.json"
    write_scenarios(path, [s.model_copy(update={"outcomes": ()}) for s in shipped[:6]], {})
    changes = {"data": {"scenarios": str(path)}, "train": {"epochs": 1, "device": "cpu"}}
    bare = Run(training.train(settings.resolve(0, "compact", changes), out=tmp_path / "run"))
    assert judged(bare, fresh=2).fresh["quality"].value <= 1.1

"""Training into a run folder: what is written, what is refused, and resuming to the same bits."""

import json

import pytest
import torch

from giftrec import settings, training
from giftrec.catalog.world import World
from giftrec.runs import Run
from giftrec.scenarios.files import load_scenarios, write_scenarios
from giftrec.schema import Outcome
from reccore.errors import InterruptedTrainingError, UserError
from reccore.files import sha256
from reccore.run import RunFolder
from reccore.track.tracker import Silent

SIZES = {"width": 16, "profile_hidden": [16], "fusion_hidden": 16, "tool_hidden": 16}
PLATEAU = {"kind": "plateau", "plateau_patience": 0, "plateau_threshold": 0.5}
TIMES = ("seconds", "cpu_seconds", "evaluate_seconds", "memory_mb")


@pytest.fixture(scope="module")
def tiny(shipped, tmp_path_factory):
    """A file of eight scenarios."""
    path = tmp_path_factory.mktemp("scenarios") / "tiny.json"
    write_scenarios(path, shipped[:8], {})
    return path


def wanted(path, seed=0, **train):
    """Settings of a training of a second: three epochs of 60 draws, 8 batches and 4 steps."""
    how = {"epochs": 3, "batch_size": 8, "accumulate": 2, "evaluate_every": 1, "device": "cpu"}
    changes = {
        "data": {"scenarios": str(path)},
        "model": SIZES,
        "train": {**how, "schedule": PLATEAU, "checkpoint_steps": 1} | train,
    }
    return settings.resolve(seed, "compact", changes)


class Impatient(Silent):
    """Interrupts as Ctrl-C does, after so many steps."""

    def __init__(self, after):
        self.left = after

    def progress(self, epoch, step, steps, loss):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def timeless(folder):
    lines = (folder.path / "history.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(text).items() if k not in TIMES} for text in lines]


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """An uninterrupted training."""
    return training.train(wanted(tiny), out=tmp_path_factory.mktemp("runs") / "whole")


@pytest.mark.parametrize(
    ("saved", "steps"),
    [(1, (2, 1)), (1, (7, 4)), (0, (6, 3))],
    ids=["in an epoch", "in two epochs", "saved every epoch"],
)
def test_an_interrupted_training_equals_an_uninterrupted_one(tiny, tmp_path, whole, saved, steps):
    """Two interruptions: with the plateau rule, accumulation, dropout and augmentation on."""
    how, path = wanted(tiny, checkpoint_steps=saved, checkpoint_minutes=60.0), tmp_path / "broken"
    assert how.augment.enabled
    assert how.model.dropout > 0
    with pytest.raises(InterruptedTrainingError, match=f"--resume {path}"):
        training.train(how, out=path, tracker=Impatient(steps[0]))
    assert RunFolder.open(path).manifest["status"] == "interrupted"
    with pytest.raises(InterruptedTrainingError):
        training.resume(path, tracker=Impatient(steps[1]))
    folder = training.resume(path)
    assert sha256(folder.weights_path) == sha256(whole.weights_path)
    assert timeless(folder) == timeless(whole)
    rates = [record["lr/main"] for record in timeless(whole)]
    assert rates[-1] < rates[0], "the plateau rule never acted: nothing was tested of it"
    ours, theirs = folder.manifest, whole.manifest
    assert ours["status"] == "complete"
    assert ours["evaluation"] == theirs["evaluation"]
    assert ours["weights_sha256"] == theirs["weights_sha256"]


def test_the_same_seed_makes_the_same_bits_and_another_does_not(tiny, tmp_path, whole):
    again = training.train(wanted(tiny, checkpoint_steps=0), out=tmp_path / "again")
    assert sha256(again.weights_path) == sha256(whole.weights_path)
    other = training.train(wanted(tiny, seed=1, epochs=1), out=tmp_path / "other")
    assert sha256(other.weights_path) != sha256(whole.weights_path)


def test_a_finished_run_is_left_as_it_is(whole):
    before = sha256(whole.weights_path)
    training.resume(whole.path)
    assert sha256(whole.weights_path) == before
    assert whole.manifest["status"] == "complete"


def test_the_manifest_tells_how_the_run_came_about(tiny, whole, world):
    facts = whole.manifest
    assert facts["product"] == "giftrec"
    assert facts["optimisation_version"] == "2.0"
    scenarios = load_scenarios(tiny, world).scenarios
    split = facts["split"]
    assert split["kind"] == "scenarios"
    assert sorted(split["training"] + split["validation"]) == sorted(s.id for s in scenarios)
    assert len(split["validation"]) == 2
    model = Run(whole).model
    assert facts["parameters"] == sum(p.numel() for p in model.parameters()) > 0
    assert facts["trainable_parameters"] == facts["parameters"]
    assert (facts["data"], facts["gifts"], facts["seed"]) == (str(tiny), 45, 0)
    assert facts["data_fingerprint"] == training.fingerprint(Run(whole).ground)
    assert facts["weights_sha256"] == sha256(whole.weights_path)
    assert facts["training"]["epochs"] == 3
    evaluated = timeless(whole)[-1]
    assert f"val/{facts['training']['monitor']}" in evaluated
    assert facts["evaluation"]["part"] == "validation"
    for name in training.MONITORED:
        metric = facts["evaluation"][name]
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert f"val/{name}" in evaluated
    assert "giftrec compact" in (whole.path / "report.html").read_text(encoding="utf-8")


def test_the_best_evaluation_is_what_is_kept(whole):
    """The manifest judges the stored weights: those of the epoch that was monitored as best."""
    facts = whole.manifest
    records, monitor = timeless(whole), f"val/{facts['training']['monitor']}"
    best = records[facts["training"]["best_epoch"] - 1]
    assert best[monitor] == max(record[monitor] for record in records)
    for name in training.MONITORED:
        assert facts["evaluation"][name]["value"] == pytest.approx(best[f"val/{name}"])
    run = Run(whole)
    assert all(torch.isfinite(p).all() for p in run.model.parameters())
    assert not run.model.training


def test_validation_scenarios_are_not_learned_from(tiny, tmp_path, shipped, whole):
    """With other labels and outcomes on the held-out scenarios the weights are the same."""
    held = whole.manifest["split"]["validation"]
    blank = {"expected_categories": ("games",), "expected_tools": (), "outcomes": ()}
    some = [s.model_copy(update=blank) if s.id in held else s for s in shipped[:8]]
    path = tmp_path / "other.json"
    write_scenarios(path, some, {})
    never = {"schedule": {"kind": "constant"}, "evaluate_every": 100, "epochs": 1}
    first = training.train(wanted(tiny, **never), out=tmp_path / "first")
    second = training.train(wanted(path, **never), out=tmp_path / "second")
    assert sha256(first.weights_path) == sha256(second.weights_path)
    assert first.manifest["evaluation"] != second.manifest["evaluation"]


def changed_file(shipped, path, **update):
    some = list(shipped[:8])
    some[2] = some[2].model_copy(update=update)
    write_scenarios(path, some, {})


def test_changed_scenarios_refuse_to_resume_and_to_open(shipped, tmp_path):
    path, out = tmp_path / "mine.json", tmp_path / "run"
    write_scenarios(path, shipped[:8], {})
    with pytest.raises(InterruptedTrainingError):
        training.train(wanted(path), out=out, tracker=Impatient(2))
    changed_file(shipped, path, outcomes=(Outcome(gift="cork-yoga-mat", satisfaction=0.5),))
    with pytest.raises(UserError, match="have changed"):
        training.resume(out)
    with pytest.raises(UserError, match="have changed"):
        _ = Run(RunFolder.open(out)).ground
    write_scenarios(path, shipped[:8], {})
    assert training.resume(out).manifest["status"] == "complete"


def test_a_fingerprint_is_of_everything_that_is_learned_from(shipped, world, tmp_path):
    path = tmp_path / "mine.json"

    def now():
        on = training.ground(settings.DataSettings(scenarios=str(path)), 0)
        return training.fingerprint(on)

    write_scenarios(path, shipped[:8], {})
    first = now()
    assert now() == first
    seen = {first}
    for change in (
        {"day": 5},
        {"expected_tools": ()},
        {"outcomes": ()},
        {"profile": shipped[2].profile.model_copy(update={"age": 99})},
    ):
        changed_file(shipped, path, **change)
        seen.add(now())
    assert len(seen) == 5
    on = training.ground(settings.DataSettings(scenarios=None), 0)
    less = World(world.gifts[::-1], world.vocabulary, world.seed)
    elsewhere = training.Ground(less, on.training, on.validation, on.source)
    assert training.fingerprint(elsewhere) != training.fingerprint(on)


@pytest.mark.parametrize(
    ("train", "problem"),
    [
        ({"device": "cuda:99"}, "cuda:99"),
        ({"groups": {"tools": {"lr": 1.0}}}, "'tools'"),
        ({"objective": {"weights": {"novelty": 1.0}}}, "'novelty'"),
    ],
)
def test_a_setting_that_is_refused_leaves_no_folder(tiny, tmp_path, train, problem):
    with pytest.raises(UserError, match=problem):
        training.train(wanted(tiny, **train), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_width_that_heads_do_not_divide_is_refused(tiny, tmp_path):
    changes = {"data": {"scenarios": str(tiny)}, "model": SIZES | {"fusion_heads": 5}}
    with pytest.raises(UserError, match="fusion_heads"):
        training.train(settings.resolve(0, "compact", changes), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_there_is_not_written_over(tiny, whole):
    before = {p.name: p.stat().st_mtime_ns for p in whole.path.iterdir()}
    with pytest.raises(UserError, match="is not empty"):
        training.train(wanted(tiny), out=whole.path)
    assert {p.name: p.stat().st_mtime_ns for p in whole.path.iterdir()} == before


def test_two_scenarios_are_the_fewest(shipped, tmp_path):
    path = tmp_path / "mine.json"
    write_scenarios(path, shipped[:1], {})
    with pytest.raises(UserError, match="1 scenario cannot be split"):
        training.train(wanted(path), out=tmp_path / "one")
    assert not (tmp_path / "one").exists()
    write_scenarios(path, shipped[:2], {})
    folder = training.train(wanted(path, epochs=1), out=tmp_path / "two")
    assert len(folder.manifest["split"]["training"]) == 1

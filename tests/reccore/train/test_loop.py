import json
import threading

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from toy import SEED, Toy, settings, train

from reccore.data.batches import IndexBatches
from reccore.errors import TrainingError, UserError
from reccore.track.tracker import Silent
from reccore.train.loop import fit
from reccore.train.selection import Selection


class Spy(Silent):
    def __init__(self):
        self.said = []

    def start(self, info):
        self.said.append(("start", dict(info)))

    def progress(self, epoch, step, steps, loss):
        self.said.append(("progress", (epoch, step, steps)))

    def log(self, record):
        self.said.append(("log", record["epoch"]))

    def finish(self, status):
        self.said.append(("finish", status))


def test_a_training_learns_and_tells(tmp_path):
    spy, task = Spy(), Toy(rows=20)
    chosen = settings(epochs=3, accumulate=2)
    history = train(tmp_path, chosen, task, spy, info={"title": "toy"})
    kinds = [kind for kind, _ in spy.said]
    assert kinds == ["start", *["progress", "progress", "log"] * 3, "finish"]
    assert spy.said[1][1] == (1, 1, 2)
    assert spy.said[-1][1] == "finished"
    info = spy.said[0][1]
    assert info["title"] == "toy"
    assert info["groups"] == ["main", "main_plain", "head", "head_plain"]
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(text) for text in lines] == history.records
    record = history.records[-1]
    assert {
        *("epoch", "step", "seconds", "cpu_seconds", "loss", "loss/fit", "loss/size"),
        *("balance/fit", "balance/size", "weight/fit", "lr/main", "lr/head_plain", "grad_norm"),
        *("grad_norm_max", "bad_steps", "val/score", "best", "stat/met", "memory_mb", "flags"),
    } <= record.keys()
    assert record["step"] == 6
    assert record["stat/met"] == 20
    assert record["loss"] == pytest.approx(record["loss/fit"] + record["loss/size"])
    assert record["balance/fit"] + record["balance/size"] == pytest.approx(1)
    assert record["loss"] < history.records[0]["loss"]
    assert history.parameters == history.trainable == 12 + 5 * 8 + 8 + 16 + 8 + 1


def test_the_module_and_the_file_hold_the_best(tmp_path):
    task = Toy()
    scores = iter([1.0, 3.0, 2.0, 2.5])
    kept = []

    def evaluate():
        assert not task.module.training
        kept.append(nn.utils.parameters_to_vector(task.module.parameters()).clone())
        return {"score": next(scores)}

    task.evaluate = evaluate
    history = train(tmp_path, settings(), task)
    assert [r["best"] for r in history.records] == [True, True, False, False]
    assert (history.best_epoch, history.best) == (2, 3.0)
    assert torch.equal(nn.utils.parameters_to_vector(task.module.parameters()), kept[1])
    file = load_file(tmp_path / "weights.safetensors")
    assert file.keys() == task.module.state_dict().keys()
    for name, value in task.module.state_dict().items():
        assert torch.equal(file[name], value)
    assert not task.module.training
    assert not list(tmp_path.glob(".*"))


def test_lower_may_be_better(tmp_path):
    task = Toy()
    task.higher_is_better = False
    scores = iter([1.0, 3.0, 0.5, 2.5])
    task.evaluate = lambda: {"score": next(scores)}
    assert train(tmp_path, settings(), task).best_epoch == 3


def test_patience_counts_evaluations(tmp_path):
    task, spy = Toy(), Spy()
    scores = iter([1.0, 0.9, 1.1, 0.9, float("nan"), 5.0])
    task.evaluate = lambda: {"score": next(scores)}
    history = train(tmp_path, settings(epochs=50, evaluate_every=2, patience=2), task, spy)
    assert (history.epochs, history.best_epoch) == (10, 6)
    assert history.status == "stopped early"
    assert spy.said[-1] == ("finish", "stopped early")


def test_the_last_epoch_is_evaluated(tmp_path):
    history = train(tmp_path, settings(epochs=5, evaluate_every=2))
    assert [r["epoch"] for r in history.records if "val/score" in r] == [2, 4, 5]


def test_with_nothing_held_out_the_last_weights_are_best(tmp_path):
    history = train(tmp_path, settings(patience=1), Toy(held_out=False))
    assert (history.epochs, history.best_epoch, history.best) == (4, 4, None)


def test_weights_are_kept_even_if_no_metric_was_a_number(tmp_path):
    task = Toy()
    task.evaluate = lambda: {"score": float("nan")}
    history = train(tmp_path, settings(patience=0), task)
    assert history.best_epoch is None
    assert (tmp_path / "weights.safetensors").exists()


def test_a_missing_monitor_is_named(tmp_path):
    task, spy = Toy(), Spy()
    task.evaluate = lambda: {"hit": 1.0}
    with pytest.raises(UserError, match=r"no metric 'score' to monitor \(measured: hit\)"):
        train(tmp_path, settings(), task, spy)
    assert spy.said[-1] == ("finish", "failed")


def test_validation_loss_is_weighed_like_the_training_loss(tmp_path):
    task = Toy()
    task.validation_loss = lambda: {"fit": 95.0, "size": 10.0}
    history = train(tmp_path, settings(epochs=1, objective={"weights": {"size": 0.5}}), task)
    record = history.records[0]
    assert (record["val_loss"], record["val_loss/size"]) == (100.0, 10.0)
    assert {"gap"} <= {flag["name"] for flag in history.flags}


def test_uncertainty_weights_move_and_have_a_rate(tmp_path):
    history = train(tmp_path, settings(objective={"mode": "uncertainty"}))
    first, last = history.records[0], history.records[-1]
    assert last["weight/fit"] != first["weight/fit"] != 1.0
    assert last["lr/objective"] == 0.02


def test_plateau_lowers_the_rate(tmp_path):
    task = Toy()
    task.evaluate = lambda: {"score": 1.0}
    schedule = {"kind": "plateau", "plateau_patience": 1}
    history = train(tmp_path, settings(epochs=8, patience=0, schedule=schedule), task)
    rates = [r["lr/main"] for r in history.records]
    assert rates == [0.02, 0.02, 0.02, 0.01, 0.01, 0.005, 0.005, 0.0025]


def test_nan_batches_are_skipped_and_counted(tmp_path):
    task = Toy(rows=40)
    turns = iter([i % 5 == 2 for i in range(100)])
    task.poison = lambda: next(turns)
    history = train(tmp_path, settings(), task)
    assert [r["bad_steps"] for r in history.records] == [1] * 4
    assert history.steps == 16
    assert all(np.isfinite(r["loss"]) for r in history.records)


def test_a_hopeless_training_fails_and_leaves_what_was_good(tmp_path):
    task, spy = Toy(), Spy()
    turns = iter([i > 20 for i in range(100)])
    task.poison = lambda: next(turns)
    with pytest.raises(TrainingError, match="5 steps in a row"):
        train(tmp_path, settings(max_bad_steps=5), task, spy)
    assert spy.said[-1] == ("finish", "failed")
    assert (tmp_path / "weights.safetensors").exists()


def test_the_callers_state_is_left_alone(tmp_path):
    torch.manual_seed(123)
    task = Toy()
    before = torch.get_rng_state()
    mode = torch.get_deterministic_debug_mode()
    train(tmp_path, settings(deterministic=True), task)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_deterministic_debug_mode() == mode


def test_the_callers_random_numbers_do_not_matter(tmp_path):
    sums = []
    for i in (1, 2):
        task = Toy()
        torch.manual_seed(i)
        train(tmp_path / str(i), settings(), task)
        sums.append(nn.utils.parameters_to_vector(task.module.parameters()))
    assert torch.equal(*sums)


def test_another_seed_is_another_training(tmp_path):
    a, b = (train(tmp_path / str(s), settings(), seed=s).records[-1]["loss"] for s in (1, 2))
    assert a != b


def test_evaluation_does_not_change_the_training(tmp_path):
    losses = []
    for every in (1, 3):
        history = train(tmp_path / str(every), settings(evaluate_every=every, patience=0))
        losses.append([r["loss"] for r in history.records])
    assert losses[0] == losses[1]


def test_other_threads_can_train(tmp_path):
    results = []
    thread = threading.Thread(target=lambda: results.append(train(tmp_path, settings(epochs=1))))
    thread.start()
    thread.join()
    assert results[0].status == "finished"


def test_profile_writes_both_files(tmp_path):
    train(tmp_path, settings(epochs=1, profile=4))
    assert "aten::" in (tmp_path / "profile.txt").read_text()
    assert json.loads((tmp_path / "profile.json").read_text())["traceEvents"]


def test_profile_of_a_short_run_is_written_too(tmp_path):
    train(tmp_path, settings(epochs=1, profile=400))
    assert (tmp_path / "profile.txt").exists()


def test_tied_weights_are_saved_under_each_name(tmp_path):
    task = Toy(norm=False)
    task.module.twin = nn.Linear(8, 1)
    task.module.twin.weight = task.module.head.weight
    task.module.twin.bias.requires_grad_(False)
    train(tmp_path, settings(epochs=1, ema_decay=0.5), task)
    file = load_file(tmp_path / "weights.safetensors")
    assert torch.equal(file["twin.weight"], file["head.weight"])
    assert task.module.twin.weight is task.module.head.weight


def test_batches_of_any_make(tmp_path):
    class Fixed:
        def __len__(self):
            return 2

        def epoch(self, epoch, start=0):
            yield from list(torch.arange(20).split(10))[start:]

    assert fit(Toy(), Fixed(), settings(epochs=2), tmp_path, SEED).steps == 4


def test_swa_computes_statistics_of_its_own(tmp_path, monkeypatch):
    seen = []
    judge = Selection._judge

    def spy(self, figures):
        seen.append(self.module.norm.running_mean.clone())
        return judge(self, figures)

    monkeypatch.setattr(Selection, "_judge", spy)
    task = Toy(dropout=0.0, noise=0.0, held_out=False)
    train(tmp_path, settings(epochs=3, swa_start=0.5, batch_size=90), task)
    hidden = task.module.first(task.x)  # the averaged weights, as they are the last
    torch.testing.assert_close(seen[-1], hidden.mean(0).detach(), rtol=1e-4, atol=1e-5)


def test_index_batches_cover_the_rows(tmp_path):
    task = Toy(rows=45)
    chosen = settings(epochs=1, accumulate=4)  # 6 batches: windows of 4 and 2
    history = fit(task, IndexBatches(45, 8, 0), chosen, tmp_path, 0)
    assert history.steps == 2
    assert history.records[0]["stat/met"] == 45

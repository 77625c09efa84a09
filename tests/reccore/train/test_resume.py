"""An interrupted training equals an uninterrupted one, bit for bit."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy import Toy, settings, train

from reccore.errors import UserError
from reccore.files import sha256
from reccore.track.tracker import Silent

CASES = {
    "constant": {},
    "onecycle, accumulated": {"schedule": {"kind": "onecycle"}, "accumulate": 3},
    "restarts, ema": {
        "schedule": {"kind": "cosine-restarts", "t_0": 1.3, "warmup_epochs": 0.5},
        "ema_decay": 0.95,
    },
    "plateau, groups": {
        "schedule": {"kind": "plateau", "plateau_patience": 0, "plateau_threshold": 0.5},
        "groups": {"head": {"lr": 0.05}},
    },
    "cosine, swa": {"schedule": {"kind": "cosine"}, "swa_start": 0.25},
    "uncertainty, swa": {"objective": {"mode": "uncertainty"}, "swa_start": 0.6},
    "fp16": {"precision": "fp16"},
    "bf16, ema, patience": {"precision": "bf16", "ema_decay": 0.9, "patience": 1},
}
TIMES = ("seconds", "cpu_seconds", "evaluate_seconds", "memory_mb")


class KilledError(Exception):
    pass


class Killer(Silent):
    def __init__(self, after):
        self.left = after

    def progress(self, epoch, step, steps, loss):
        self.left -= 1
        if self.left <= 0:
            raise KilledError


def timeless(records):
    return [{k: v for k, v in record.items() if k not in TIMES} for record in records]


def same(a, b):
    """Equality of nested checkpoints, tensors bit for bit, times aside."""
    if isinstance(a, dict):
        keys = a.keys() - set(TIMES)
        return keys == b.keys() - set(TIMES) and all(same(a[k], b[k]) for k in keys)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_interrupted_equals_uninterrupted(tmp_path, case):
    chosen = settings(**case, checkpoint_steps=2)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = train(whole, chosen)
    steps, resume, kills = expected.steps + expected.bad_steps, False, 0
    draw = random.Random(str(case))
    while True:
        killer = Killer(draw.randint(2, steps // 2))
        task = Toy(init=5)  # all that is learned comes from the checkpoint
        try:
            got = train(parts, chosen, Toy() if not resume else task, killer, resume=resume)
            break
        except KilledError:
            resume, kills = True, kills + 1
    assert kills >= 2
    assert timeless(got.records) == timeless(expected.records)
    assert sha256(parts / "weights.safetensors") == sha256(whole / "weights.safetensors")
    a, b = (torch.load(p / "trainer.pt", weights_only=True) for p in (whole, parts))
    assert same(a, b)
    lines = (parts / "history.jsonl").read_text().splitlines()
    assert [json.loads(text) for text in lines] == got.records


def test_a_kill_during_evaluation_repeats_the_epoch(tmp_path):
    expected = train(tmp_path / "whole", settings())
    task = Toy()
    evaluate, calls = task.evaluate, []

    def die_the_second_time():
        calls.append(1)
        if len(calls) == 2:
            raise KilledError
        return evaluate()

    task.evaluate = die_the_second_time
    with pytest.raises(KilledError):
        train(tmp_path / "parts", settings(), task)
    got = train(tmp_path / "parts", settings(), Toy(init=5), resume=True)
    assert timeless(got.records) == timeless(expected.records)


def test_a_finished_run_is_left_as_it_is_or_goes_on(tmp_path):
    expected = train(tmp_path / "long", settings(epochs=6))
    train(tmp_path / "short", settings(epochs=4))
    before = sha256(tmp_path / "short" / "weights.safetensors")
    task = Toy(init=5)
    again = train(tmp_path / "short", settings(epochs=4), task, resume=True)
    assert again.epochs == 4
    assert sha256(tmp_path / "short" / "weights.safetensors") == before
    assert task.evaluate()["score"] == pytest.approx(again.best, abs=1e-6)
    longer = train(tmp_path / "short", settings(epochs=6), Toy(init=5), resume=True)
    assert timeless(longer.records) == timeless(expected.records)


def test_more_patience_goes_on(tmp_path):
    task = Toy()
    scores = [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    task.evaluate = lambda: {"score": scores.pop(0)}
    assert train(tmp_path, settings(epochs=6, patience=2), task).epochs == 3
    assert train(tmp_path, settings(epochs=6, patience=4), task, resume=True).epochs == 5


def test_lost_weights_are_written_again(tmp_path):
    train(tmp_path, settings(epochs=2))
    before = sha256(tmp_path / "weights.safetensors")
    (tmp_path / "weights.safetensors").unlink()
    train(tmp_path, settings(epochs=2), Toy(init=5), resume=True)
    assert sha256(tmp_path / "weights.safetensors") == before


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"lr": 0.5}, r"train.lr is 0.5, but .* was trained with 0.02"),
        ({"objective": {"weights": {"fit": 2.0}}}, r"train.objective.weights.fit is 2.0"),
        ({"epochs": 1}, r"train.epochs=1, but .* has 2 epochs already \(set 2 or more\)"),
    ],
)
def test_other_settings_are_refused(tmp_path, change, problem):
    train(tmp_path, settings(epochs=2))
    with pytest.raises(UserError, match=problem):
        train(tmp_path, settings(**({"epochs": 2} | change)), resume=True)


@pytest.mark.parametrize("case", [{"schedule": {"kind": "onecycle"}}, {"swa_start": 0.5}])
def test_more_epochs_are_refused_where_steps_depend_on_them(tmp_path, case):
    train(tmp_path, settings(epochs=2, **case))
    with pytest.raises(UserError, match=r"train.epochs is 3"):
        train(tmp_path, settings(epochs=3, **case), resume=True)


def test_another_seed_data_or_model_is_refused(tmp_path):
    train(tmp_path, settings(epochs=1))
    with pytest.raises(UserError, match=r"seed is 8, .* trained with 7"):
        train(tmp_path, settings(epochs=1), resume=True, seed=8)
    with pytest.raises(UserError, match="rows is 80"):
        train(tmp_path, settings(epochs=1), Toy(rows=80), resume=True)
    with pytest.raises(UserError, match="parameters is 69"):
        train(tmp_path, settings(epochs=1), Toy(norm=False), resume=True)
    other = Toy()
    other.module.top = other.module.head
    del other.module.head
    other.parameter_groups = lambda: super(Toy, other).parameter_groups()
    with pytest.raises(UserError, match=r"of another model: .*head"):
        train(tmp_path, settings(epochs=1), other, resume=True)


def test_nothing_to_resume(tmp_path):
    with pytest.raises(UserError, match="nothing to resume"):
        train(tmp_path, settings(), resume=True)


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "foreign", "pickle", "newer"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    train(tmp_path, settings(epochs=1))
    path = tmp_path / "trainer.pt"
    whole = path.read_bytes()
    content = torch.load(path, weights_only=True)
    if damage == "foreign":
        torch.save({"epoch": 3}, path)
    elif damage == "newer":
        torch.save(content | {"version": 99}, path)
    elif damage == "pickle":
        torch.save({"format": Path("x")}, path)  # a class: code would run
    else:
        path.write_bytes({"cut": whole[:-500], "garbage": b"junk" * 99, "empty": b""}[damage])
    with pytest.raises(UserError, match=r"trainer\.pt (is corrupt|is not a check|has version 99)"):
        train(tmp_path, settings(epochs=1), resume=True)


def start(folder, case):
    script = Path(__file__).with_name("toy.py")
    return subprocess.Popen(
        [sys.executable, str(script), str(folder), json.dumps(case)],
        cwd=Path(__file__).parents[3],
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": ""},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process, path):
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_kill_9_at_a_random_moment(tmp_path):
    case = {"checkpoint_steps": 1, "ema_decay": 0.9, "schedule": {"kind": "onecycle"}}
    train(tmp_path / "whole", settings(**case))
    process = start(tmp_path / "parts", case)
    wait_for(process, tmp_path / "parts" / "trainer.pt")
    time.sleep(random.uniform(0.0, 0.6))
    process.kill()
    _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err
    train(tmp_path / "parts", settings(**case), Toy(init=5), resume=True)
    for name in ("weights.safetensors", "weights.raw.safetensors"):
        assert sha256(tmp_path / "parts" / name) == sha256(tmp_path / "whole" / name)


def test_ctrl_c_finishes_the_step_and_saves(tmp_path):
    process = start(tmp_path / "parts", {})
    wait_for(process, tmp_path / "parts" / "weights.safetensors")  # an epoch is done
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in err.splitlines()[-1]
    saved = torch.load(tmp_path / "parts" / "trainer.pt", weights_only=True)
    assert 1 <= saved["epoch"] < 4
    assert saved["epoch"] * 12 + saved["cursor"] == saved["stepper"]["count"]
    train(tmp_path / "whole", settings())
    train(tmp_path / "parts", settings(), Toy(init=5), resume=True)
    whole, parts = (sha256(tmp_path / p / "weights.safetensors") for p in ("whole", "parts"))
    assert whole == parts

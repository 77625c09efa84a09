"""wandb: offline by default, named when missing, and never able to stop a training."""

import importlib.util
import logging
import sys
import time
from types import ModuleType

import numpy as np
import pytest

from reccore.errors import MissingExtraError
from reccore.track import Wandb

needs_wandb = pytest.mark.skipif(
    importlib.util.find_spec("wandb") is None, reason="wandb is not installed: the [track] extra"
)


class Run:
    def __init__(self) -> None:
        self.logged: list[dict[str, float]] = []
        self.summary: dict[str, str] = {}
        self.exit_code: int | None = None

    def define_metric(self, name, step_metric): ...

    def log(self, numbers):
        self.logged.append(numbers)

    def finish(self, exit_code):
        self.exit_code = exit_code


class Module:
    """Stands in for wandb."""

    Settings = dict

    def __init__(self) -> None:
        self.run = Run()
        self.asked: dict[str, object] = {}

    def init(self, **asked):
        self.asked = asked
        return self.run


@pytest.fixture
def module(monkeypatch):
    fake = Module()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return fake


def test_a_missing_wandb_is_one_line_that_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"wandb is not installed.*giftrec\[track\]") as e:
        Wandb(tmp_path)
    assert "\n" not in str(e.value)


def test_offline_unless_the_user_says_otherwise(module, monkeypatch):
    def mode(**asked):
        Wandb(**asked).start({})
        assert module.asked["dir"] is None
        return module.asked["mode"]

    assert mode() == "offline"
    assert mode(mode="online") == "online"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert mode() is None  # wandb reads the environment itself
    assert mode(mode="offline") == "offline"


def test_all_numbers_and_flags_are_logged(module, tmp_path):
    tracker = Wandb(tmp_path, name="a run")
    tracker.start({"seed": 3})
    tracker.progress(1, 1, 1, 0.5)
    flags = [{"name": "gap", "colour": "red", "message": "wide"}]
    tracker.log({"epoch": 1, "loss": np.float32(0.5), "best": True, "note": "x", "flags": flags})
    tracker.finish("finished")
    assert module.asked["config"] == {"seed": 3}
    assert module.run.logged == [{"epoch": 1, "loss": 0.5, "best": 1, "flag/red/gap": 1}]
    assert (module.run.exit_code, module.run.summary) == (0, {"status": "finished"})


@pytest.mark.parametrize("method", ["log", "finish", "define_metric"])
def test_a_failing_wandb_is_logged_once_and_left(module, tmp_path, monkeypatch, caplog, method):
    def fail(*args, **kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr(module.run, method, fail)
    tracker = Wandb(tmp_path)
    with caplog.at_level(logging.WARNING, logger="reccore.track"):
        tracker.start({})
        for epoch in (1, 2):
            tracker.log({"epoch": epoch})
        tracker.finish("finished")
    assert tracker.failure == "RuntimeError: disk full"
    assert len(caplog.records) == 1


@needs_wandb
def test_an_offline_run_is_written_to_its_folder(tmp_path, monkeypatch, capfd):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_DISABLE_WEAVE", raising=False)
    monkeypatch.setitem(sys.modules, "mcp", ModuleType("mcp"))  # which it would speak of
    tracker = Wandb(tmp_path / "run")
    tracker.start({"seed": 0})
    tracker.log({"epoch": 1, "loss": 0.5, "flags": []})
    tracker.log({"epoch": 2, "loss": 0.4, "flags": []})
    tracker.finish("finished")
    assert tracker.failure is None
    (written,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    for _ in range(100):  # wandb's own process writes; on a busy machine it takes its time
        content = written.read_bytes()
        if b"loss" in content:
            break
        time.sleep(0.1)
    assert b"loss" in content
    assert b"seed" in content
    assert capfd.readouterr() == ("", "")

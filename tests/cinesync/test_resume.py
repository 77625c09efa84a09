"""kill -9 or Ctrl-C at a random moment, resume: the weights equal those of an unbroken run."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cinesync.cli import app
from reccore.cli import exit_codes
from reccore.files import sha256

COMMAND = [sys.executable, "-c", "from cinesync.cli import main; main()"]
CASES = {
    ("mf", signal.SIGINT): ["train.schedule.kind=onecycle"],
    ("ncf", signal.SIGKILL): [
        "train.schedule.kind=plateau",
        "train.accumulate=2",
        "model.temporal=now",
    ],
    ("sasrec", signal.SIGKILL): ["model.temporal=now", "train.ema_decay=0.9"],
    ("two-tower", signal.SIGKILL): ["train.schedule.kind=cosine-restarts", "train.ema_decay=0.9"],
}


def words(model: str, table: Path, out: Path, changes: list[str]) -> list[str]:
    source = ["--from", str(table), "--map", "user=who,item=what,timestamp=at"]
    known = ["train.batch_size=16", "train.checkpoint_steps=3", "evaluate.bootstrap=0"]
    sets = [word for change in [*known, *changes] for word in ("--set", change)]
    return ["train", model, "--epochs", "6", "--seed", "3", "--out", str(out), *source, *sets]


@pytest.mark.parametrize(("model", "how"), list(CASES))
def test_a_broken_run_resumes_to_the_same_bits(
    model: str, how: signal.Signals, table: Path, tmp_path: Path
) -> None:
    changes = CASES[model, how]
    broken = tmp_path / "broken"
    process = subprocess.Popen(
        [*COMMAND, *words(model, table, broken, changes)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    whole = tmp_path / "whole"
    assert exit_codes(app, "cinesync", words(model, table, whole, changes)) == 0
    deadline = time.monotonic() + 60
    while not (broken / "trainer.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.2))
    process.send_signal(how)
    _, told = process.communicate(timeout=60)
    if how == signal.SIGINT and process.returncode != 0:  # it may have been done already
        assert process.returncode == 130
        assert f"--resume {broken}" in told
    assert exit_codes(app, "cinesync", ["train", model, "--resume", str(broken)]) == 0
    assert sha256(broken / "weights.safetensors") == sha256(whole / "weights.safetensors")

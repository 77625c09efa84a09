"""kill -9 at a random moment, resume: the weights equal those of a run that never stopped."""

import random
import subprocess
import time
from pathlib import Path

import pytest

from reccore.files import sha256
from tests.cinesync.test_cli import COMMAND, good

CASES = {
    "mf": ["train.schedule.kind=onecycle"],
    "ncf": ["train.schedule.kind=plateau", "train.accumulate=2"],
    "two-tower": ["train.schedule.kind=cosine-restarts", "train.ema_decay=0.9"],
}


def training(model: str, out: Path) -> list[str]:
    options = ["train.batch_size=16", "train.checkpoint_steps=3", "evaluate.bootstrap=0"]
    words = ["train", model, "--epochs", "6", "--seed", "3", "--out", str(out)]
    for change in options + CASES[model]:
        words += ["--set", change]
    return words


@pytest.mark.parametrize("model", list(CASES))
def test_a_killed_run_resumes_to_the_same_bits(
    model: str, small_world: Path, tmp_path: Path
) -> None:
    source = ["--from", str(small_world), "--map", "user=who,item=what,timestamp=at"]
    good(*training(model, tmp_path / "whole"), *source)
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [*COMMAND, *training(model, killed), *source],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (killed / "trainer.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.3))
    process.kill()
    process.wait()
    assert (killed / "trainer.pt").exists()
    good("train", model, "--resume", killed)
    assert sha256(killed / "weights.safetensors") == sha256(tmp_path / "whole/weights.safetensors")

import json
import math

import torch

from reccore.train.history import History, Sums, line, peak_memory_mb
from reccore.train.step import Outcome


def test_losses_are_means_over_elements_of_good_steps():
    sums = Sums()
    sums.add(Outcome(True, 1.0, {"a": 6.0}, {"a": 2.0}, 3.0))
    sums.add(Outcome(True, 1.0, {"a": 4.0}, {"a": 8.0}, 5.0))
    sums.add(Outcome(False, math.nan, {"a": math.nan}, {"a": 8.0}, math.inf))
    assert sums.losses() == {"a": 1.0}
    assert (sums.mean_norm, sums.norm_max, sums.steps, sums.bad) == (4.0, 5.0, 2, 1)
    assert Sums(**sums.state_dict()) == sums


def test_lines_are_strict_json():
    record = json.loads(line({"epoch": 1, "loss": math.nan, "flags": [{"name": "gap"}]}))
    assert record == {"epoch": 1, "loss": None, "flags": [{"name": "gap"}]}


def test_summary():
    records = [
        {"epoch": e, "step": 5 * e, "seconds": 1.0, "evaluate_seconds": 0.5, "cpu_seconds": 2.0}
        | {"bad_steps": e, "flags": [{"name": f"f{e}"}], "best": e == 1, "val/m": e / 10}
        for e in (1, 2)
    ]
    history = History("m", True, 10, 9, "cpu", "fp32", records, "finished")
    summary = history.summary()
    assert json.loads(json.dumps(summary)) == summary
    assert (history.epochs, history.steps, history.best_epoch, history.best) == (2, 10, 1, 0.1)
    assert (history.seconds, history.cpu_seconds, history.bad_steps) == (3.0, 4.0, 3)
    assert history.flags == [{"name": "f1", "epoch": 1}, {"name": "f2", "epoch": 2}]


def test_memory_is_a_figure():
    assert peak_memory_mb(torch.device("cpu")) > 10

"""The cross-attention re-ranker: what it gains over its own towers, and what it costs a user.

python -m benchmarks.cross_attention                 # go on where the last call stopped
python -m benchmarks.cross_attention --heads 4 --seeds 0

The towers of one training score first alone, then re-ranked, so the difference is paired and is
the re-ranker's alone. Latency: one user at a time and 64, median of repeated calls.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.record import append, data_root, done
from cinesync.models.two_tower_cross import TwoTowerCross
from cinesync.settings import resolve
from cinesync.training import train
from reccore.data.interactions import Floats
from reccore.metrics.compare import compare
from reccore.metrics.evaluate import Catalogue, evaluate
from reccore.recommender import UserBatch

NAME = "cross_attention"
HEADS = (4, 8, 16)


class Alone:
    """The towers of a trained re-ranker, as a model of their own."""

    from_history = True
    rates = False

    def __init__(self, model: TwoTowerCross) -> None:
        self.score = model.retrieve


def milliseconds(score: Callable[[UserBatch], Floats], batch: UserBatch, repeats: int) -> float:
    """Median time of a call, a user."""
    score(batch)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        score(batch)
        times.append(time.perf_counter() - began)
    return float(np.median(times)) * 1000 / len(batch)


def measure(heads: int, seed: int) -> None:
    key = f"ml-1m/heads {heads}/{seed}"
    if done(NAME, key):
        return
    print(key, flush=True)
    changes = {
        "data": {"name": "ml-1m", "path": str(data_root() / "ml-1m")},
        "split": {"kind": "per-user", "seed": 0},
        "model": {"cross": {"heads": heads}},
    }
    settings = resolve(
        "two-tower-cross", seed=seed, preset="two-tower-cross-ml-1m", changes=changes
    )
    with tempfile.TemporaryDirectory() as scratch:
        run, evaluation = train(settings, out=Path(scratch) / "run")
    assert isinstance(run.model, TwoTowerCross)
    test = run.prepared.split.test
    catalogue = Catalogue.of(run.prepared.training(False))
    alone = evaluate(Alone(run.model), test, catalogue, settings.evaluate)  # type: ignore[arg-type]
    gains = compare(evaluation, alone, settings.evaluate.bootstrap, 0)
    torch.set_num_threads(1)
    cost = {}
    for users in (1, 64):
        batch = UserBatch(test.users[:users], test.histories.take(np.arange(users)))
        for name, score in (("re-ranked", run.model.score), ("alone", run.model.retrieve)):
            cost[f"{name}, batch {users}"] = round(milliseconds(score, batch, 30), 3)
    append(
        NAME,
        key,
        heads=heads,
        ndcg={"re-ranked": evaluation.values()["ndcg@10"], "alone": alone.values()["ndcg@10"]},
        gain={
            "value": gains["ndcg@10"].value,
            "low": gains["ndcg@10"].low,
            "high": gains["ndcg@10"].high,
        },
        ms_a_user=cost,
        threads=1,
        data_fingerprint=run.manifest["data_fingerprint"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, nargs="+", default=HEADS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    chosen = parser.parse_args()
    for seed in chosen.seeds:
        for heads in chosen.heads:
            measure(heads, seed)


if __name__ == "__main__":
    main()

"""Biased MF beside cornac's compiled SGD: seconds to fit, RMSE and MAE, on ML-100K.

    python benchmarks/biased_mf_vs_cornac.py --peer-python PEER/bin/python [--rounds 3]

PEER is an environment with benchmarks/peers/factorisation.txt. Splits: "random" (a tenth of
u.data, the first of `default_rng(0).permutation`, is test) and the published folds u1 to u5.
Settings: "equal" (64 factors, 60 passes) and "best", each side's best of about 105 settings on
validation tenths of the random split's training rows. Rounds alternate, a process and one thread
each, seeds differ; rounds already in results/biased_mf_vs_cornac.jsonl are not repeated.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.record import append, data_root, done, rows
from cinesync.models.biased_mf import BiasedMf, BiasedMfSettings
from reccore.data.dataset import Dataset, Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Interactions
from reccore.run import package_version

NAME = "biased_mf_vs_cornac"
SPLITS = ("random", "u1", "u2", "u3", "u4", "u5")
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # ours and cornac's
    "equal": (
        {
            "factors": 64,
            "lr": 0.01,
            "lr_decay": 1.0,
            "passes": 60,
            "regularization": 0.1,
            "bias_regularization": 0.1,
            "init_scale": 0.01,
        },
        {"k": 64, "learning_rate": 0.01, "max_iter": 60, "lambda_reg": 0.1},
    ),
    "best": ({}, {"k": 128, "learning_rate": 0.0044, "max_iter": 90, "lambda_reg": 0.0723}),
}
Ratings = npt.NDArray[np.int64]  # [N, 4] user, item, rating, time


def load(folder: Path, name: str) -> tuple[Ratings, Ratings]:
    """Training and test rows of one split."""
    if name != "random":
        train, test = (folder / f"{name}.{part}" for part in ("base", "test"))
        return np.loadtxt(train, dtype=np.int64), np.loadtxt(test, dtype=np.int64)
    whole = np.loadtxt(folder / "u.data", dtype=np.int64)
    whole = whole[np.random.default_rng(0).permutation(len(whole))]
    held = len(whole) // 10
    return whole[held:], whole[:held]


def ours(given: Path, out: Path, settings: BiasedMfSettings, seed: int) -> None:
    """Fit here; print one line of JSON."""
    split = np.load(given)
    users, items = (
        IdMap.of(pl.Series(np.concatenate([split[name], split[f"test_{name}"]])))
        for name in ("users", "items")
    )
    codes = users.encode(pl.Series(split["users"])), items.encode(pl.Series(split["items"]))
    train = Interactions(users, items, *codes, split["values"])
    data = Dataset("ml-100k", train, Table(users), Table(items))
    BiasedMf.build(settings, data).fit(data.with_interactions(train.take(np.arange(1000))), seed)
    model = BiasedMf.build(settings, data)
    began, cpu = time.perf_counter(), time.process_time()
    model.fit(data, seed)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    tested = (users.encode(pl.Series(split["test_users"])), pl.Series(split["test_items"]))
    np.savez(out, ratings=model.predict(tested[0], items.encode(tested[1])))
    library = f"giftrec {package_version()}"
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "library": library}))


def measure(key: str, command: list[str], out: Path, truth: Ratings, settings: object) -> None:
    if done(NAME, key):
        return
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | one
    )
    if answer.returncode:
        raise SystemExit(f"{command[0]} failed:\n{answer.stderr[-2000:]}")
    figures = json.loads(answer.stdout.splitlines()[-1])
    error = np.load(out)["ratings"].astype(np.float64) - truth
    figures["rmse"] = round(float(np.sqrt(np.mean(error**2))), 4)
    figures["mae"] = round(float(np.abs(error).mean()), 4)
    append(NAME, key, data="ml-100k", threads=1, settings=settings, **figures)
    print(f"{key}: {figures['seconds']:.2f} s, RMSE {figures['rmse']}, MAE {figures['mae']}")


def summary() -> None:
    for case in CASES:
        for name in (*SPLITS, "u"):
            kept = {
                side: [r for r in rows(NAME) if r["key"].startswith(f"{case}/{side}/{name}")]
                for side in ("ours", "cornac")
            }
            if not all(kept.values()):
                continue
            for side, found in kept.items():
                rmse, mae = (mean(row[one] for row in found) for one in ("rmse", "mae"))
                took = median(row["seconds"] for row in found)
                label = "u1-u5" if name == "u" else name
                print(f"{case} {label} {side}: RMSE {rmse:.4f}, MAE {mae:.4f}, {took:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", type=Path, help="interpreter with cornac 2.2.1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=data_root(), help="the folder above ml-100k")
    parser.add_argument("--worker", nargs=4, metavar=("SPLIT", "OUT", "JSON", "SEED"))
    args = parser.parse_args()
    if args.worker:
        given, out, settings, seed = args.worker
        chosen = BiasedMfSettings.model_validate_json(settings)
        return ours(Path(given), Path(out), chosen, int(seed))
    if args.peer_python is None:
        parser.error("--peer-python is needed")
    script = Path(__file__).parent / "peers" / "cornac_mf.py"
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "split.npz", Path(folder) / "ratings.npz"
        for number in range(args.rounds):
            for name in SPLITS:
                train, test = load(args.data / "ml-100k", name)
                columns = {"users": train[:, 0], "items": train[:, 1]}
                columns |= {"test_users": test[:, 0], "test_items": test[:, 1]}
                np.savez(given, values=train[:, 2].astype(np.float32), **columns)
                for case, (mine, like) in CASES.items():
                    worker = [str(given), str(out), json.dumps(mine), str(number)]
                    command = [sys.executable, __file__, "--worker", *worker]
                    measure(f"{case}/ours/{name}/{number}", command, out, test[:, 2], mine)
                    theirs = {**like, "num_threads": 1, "seed": number}
                    command = [str(args.peer_python.absolute()), str(script), str(given), str(out)]
                    command += ["--settings", json.dumps(theirs)]
                    measure(f"{case}/cornac/{name}/{number}", command, out, test[:, 2], theirs)
    summary()


if __name__ == "__main__":
    main()

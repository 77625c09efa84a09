"""iALS beside `implicit`: seconds to fit and quality of ranking, on ML-1M.

    python benchmarks/ials_vs_implicit.py --peer-python PEER/bin/python [--rounds 3]

PEER is an environment with benchmarks/peers/factorisation.txt. Per-user random 80/20, seed 0,
full ranking. "equal" cases have one objective on both sides: no frequency exponent, and one ridge
whose square is the product of our user and item ridges (factors can be rescaled, so only the
product counts). "best" is each side's best on validation of about 172 settings, of which 63 are
without exponent, so that the peer can have them. Our seconds include folding all users in. Rounds
alternate, a process each, 2 threads, seeds differ; rounds already in
results/ials_vs_implicit.jsonl are not repeated.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.record import append, data_root, done, rows
from cinesync import sources
from cinesync.models.ials import Ials, IalsSettings
from reccore.data.dataset import Dataset
from reccore.data.interactions import Floats
from reccore.data.split import Split, SplitSettings, split
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.recommender import Arrays, Recommender, UserBatch
from reccore.run import package_version

NAME = "ials_vs_implicit"
THREADS = 2
EQUAL = {"frequency_exponent": 0.0, "alpha": 5.0, "regularization": 0.9, "iterations": 10}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # ours, and the peer's from it
    "equal-64": ({**EQUAL, "factors": 64}, {**EQUAL, "factors": 64}),
    "equal-128": ({**EQUAL, "factors": 128}, {**EQUAL, "factors": 128}),
    "best": ({}, {"factors": 128, "alpha": 4.97, "regularization": 0.9955, "iterations": 14}),
}


class Factors(Recommender):
    """Whoever's factors, as our evaluation sees a model."""

    def __init__(self, users: Floats, items: Floats) -> None:
        self.users, self.items = users, items

    def score(self, users: UserBatch) -> Floats:
        scores: Floats = self.users[users.codes] @ self.items.T
        return scores

    def arrays(self) -> Arrays:
        return {"users": self.users, "items": self.items}

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        raise NotImplementedError


def load(root: Path) -> tuple[Dataset, Split]:
    data = sources.load("ml-1m", root / "ml-1m").dataset
    protocol = SplitSettings(kind="per-user", seed=0, test=0.2, validation=0.0)
    return data, split(data.interactions, protocol)


def ours(root: Path, out: Path, settings: IalsSettings, seed: int) -> None:
    """Fit here; print one line of JSON."""
    data, parts = load(root)
    train = data.with_interactions(parts.train)
    warm = data.with_interactions(parts.train.take(np.arange(1000)))
    Ials.build(settings, data).fit(warm, seed)
    model = Ials.build(settings, data)
    everyone = UserBatch(np.arange(len(data.users), dtype=np.int32), parts.train.histories)
    began, cpu = time.perf_counter(), time.process_time()
    model.fit(train, seed)
    users = model.fold_in(everyone)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    np.savez(out, users=users, items=model.items)
    library = f"giftrec {package_version()}"
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "library": library}))


def peer_settings(like: dict[str, Any], parts: Split, seed: int) -> dict[str, Any]:
    """implicit's words for our settings."""
    pairs, ids = len(parts.train), (len(parts.train.user_ids), len(parts.train.item_ids))
    confidences = [
        other + (like["alpha"] - 1) * pairs / own for own, other in (ids, ids[::-1])
    ]  # mean of a row, users and items
    return {
        "factors": like["factors"],
        "alpha": like["alpha"],
        "regularization": like["regularization"] * float(np.prod(confidences)) ** 0.25,
        "iterations": like["iterations"],
        "num_threads": THREADS,
        "random_state": seed,
    }


def measure(
    key: str, command: list[str], out: Path, data: Dataset, parts: Split, settings: object
) -> None:
    if done(NAME, key):
        return
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": str(THREADS)},
    )
    if answer.returncode:
        raise SystemExit(f"{command[0]} failed:\n{answer.stderr[-2000:]}")
    figures = json.loads(answer.stdout.splitlines()[-1])
    factors = np.load(out)
    model = Factors(factors["users"], factors["items"])
    catalogue = Catalogue.of(data.with_interactions(parts.train))
    how = EvaluateSettings(k=(10, 20), bootstrap=0)
    values = evaluate(model, parts.test, catalogue, how).values()
    chosen = ("ndcg@10", "hit@10", "recall_capped@20", "recall@20")
    figures |= {name: round(values[name], 4) for name in chosen}
    fingerprint = data.interactions.fingerprint
    append(NAME, key, threads=THREADS, data=fingerprint, settings=settings, **figures)
    print(f"{key}: {figures['seconds']:.2f} s, ndcg@10 {figures['ndcg@10']:.4f}")


def summary() -> None:
    for case in CASES:
        kept = {
            side: [row for row in rows(NAME) if row["key"].startswith(f"{case}/{side}/")]
            for side in ("ours", "implicit")
        }
        if not all(kept.values()):
            continue
        quality = {side: mean(row["ndcg@10"] for row in found) for side, found in kept.items()}
        for name in ("seconds", "cpu_seconds"):
            one, other = (median(row[name] for row in found) for found in kept.values())
            print(f"{case} {name}: ours {one:.2f}, implicit {other:.2f}, ratio {one / other:.2f}")
        print(f"{case} ndcg@10: ours {quality['ours']:.4f}, implicit {quality['implicit']:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", type=Path, help="interpreter with implicit 0.7.3")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=data_root(), help="the folder above ml-1m")
    parser.add_argument("--worker", nargs=3, metavar=("OUT", "JSON", "SEED"), help="internal")
    args = parser.parse_args()
    if args.worker:
        out, settings, seed = args.worker
        return ours(args.data, Path(out), IalsSettings.model_validate_json(settings), int(seed))
    if args.peer_python is None:
        parser.error("--peer-python is needed")
    data, parts = load(args.data)
    script = Path(__file__).parent / "peers" / "implicit_als.py"
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "split.npz", Path(folder) / "factors.npz"
        sizes = (len(data.users), len(data.items))
        np.savez(given, users=parts.train.users, items=parts.train.items, sizes=sizes)
        for number in range(args.rounds):
            for case, (mine, like) in CASES.items():
                changes = {**mine, "threads": THREADS}
                worker = ["--worker", str(out), json.dumps(changes), str(number)]
                command = [sys.executable, __file__, "--data", str(args.data), *worker]
                measure(f"{case}/ours/{number}", command, out, data, parts, changes)
                theirs = peer_settings(like, parts, number)
                command = [str(args.peer_python.absolute()), str(script), str(given), str(out)]
                command += ["--settings", json.dumps(theirs)]
                measure(f"{case}/implicit/{number}", command, out, data, parts, theirs)
    summary()


if __name__ == "__main__":
    main()

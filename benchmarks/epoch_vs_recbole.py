"""Seconds of one epoch of implicit matrix factorisation, beside RecBole's BPR.

    python benchmarks/epoch_vs_recbole.py --peer-python PEER/bin/python [--rounds 5] [--threads 2]

Same rows (all of ML-1M), width, batch size, one uniform negative a row, AdamW against Adam.
Rounds alternate, each side in a process of its own; the first epoch of each warms up and does not
count. Rounds already in results/epoch_vs_recbole.jsonl are not repeated.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.record import append, data_root, done, rows
from cinesync import sources

NAME = "epoch_vs_recbole"
DIM, BATCH = 64, 8192


def ours(epochs: int) -> None:
    """Train here, through the trainer every model goes through; print one line of JSON."""
    import torch

    from cinesync.models.factors import MF, MFSettings
    from reccore.data.batches import IndexBatches
    from reccore.data.negatives import NegativeSettings
    from reccore.run import package_version
    from reccore.train.loop import TrainSettings, fit

    data = sources.load("ml-1m", data_root() / "ml-1m").dataset
    one = NegativeSettings(per_positive=1)
    settings = MFSettings(dim=DIM, hidden=(), features=False, loss="bpr", negatives=one)
    task = MF.build(settings, data).task(data, dict, 0)
    how = TrainSettings(
        epochs=epochs, batch_size=BATCH, lr=1e-3, weight_decay=0.0, clip_norm=0.0, device="cpu"
    )
    with tempfile.TemporaryDirectory() as folder:
        history = fit(task, IndexBatches(task.rows, BATCH, 0), how, Path(folder), 0)
    figures = {name: [r[name] for r in history.records] for name in ("seconds", "cpu_seconds")}
    figures |= {"rows": task.rows, "torch": torch.__version__, "threads": torch.get_num_threads()}
    print(json.dumps({**figures, "library": f"giftrec {package_version()}"}))


def peer_command(python: Path, folder: Path, epochs: int) -> list[str]:
    """Write the same rows for the peer, and say how it is run."""
    data = sources.load("ml-1m", data_root() / "ml-1m").dataset.interactions
    (folder / "pairs").mkdir()
    lines = zip(data.users.tolist(), data.items.tolist(), strict=True)
    text = "user_id:token\titem_id:token\n" + "".join(f"{u}\t{i}\n" for u, i in lines)
    (folder / "pairs" / "pairs.inter").write_text(text)
    script = Path(__file__).absolute().parent / "peers" / "recbole_bpr.py"
    sizes = ["--dim", str(DIM), "--batch", str(BATCH), "--epochs", str(epochs)]
    return [str(python.absolute()), str(script), str(folder), *sizes]


def measure(command: list[str], key: str, threads: int, folder: str) -> None:
    if done(NAME, key):
        return
    room = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, env=room, cwd=folder
    )
    if answer.returncode:
        raise SystemExit(f"{command[0]} failed:\n{answer.stderr[-2000:]}")
    figures = json.loads(answer.stdout.splitlines()[-1])
    for name in ("seconds", "cpu_seconds"):
        figures[name] = median(figures[name][1:])
    row = append(NAME, key, dim=DIM, batch=BATCH, negatives=1, data="ml-1m", **figures)
    print(f"{key}: {row['seconds']:.2f} s an epoch, {row['cpu_seconds']:.2f} s of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", type=Path, help="interpreter with recbole 1.2.1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4, help="a round; the first warms up")
    parser.add_argument("--threads", type=int, default=2, help="of both sides")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return ours(args.epochs)
    if args.peer_python is None:
        parser.error("--peer-python is needed")
    mine = [
        sys.executable,
        str(Path(__file__).absolute()),
        "--worker",
        "--epochs",
        str(args.epochs),
    ]
    with tempfile.TemporaryDirectory() as folder:
        peers = peer_command(args.peer_python, Path(folder), args.epochs)
        for number in range(args.rounds):
            measure(mine, f"ours/{args.threads}/{number}", args.threads, folder)
            measure(peers, f"recbole/{args.threads}/{number}", args.threads, folder)
    for name in ("seconds", "cpu_seconds"):
        one, other = (
            median(r[name] for r in rows(NAME) if r["key"].startswith(f"{side}/{args.threads}/"))
            for side in ("ours", "recbole")
        )
        ratio = f"ours {one:.2f}, RecBole {other:.2f}: {other / one:.1f}x"
        print(f"{args.threads} threads, {name}: {ratio}")


if __name__ == "__main__":
    main()

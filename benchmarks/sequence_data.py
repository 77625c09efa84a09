"""Leave-one-out sequences, and what every SASRec peer shares: judge, options, log.

    python benchmarks/sequence_data.py SEQUENCES.npz [--data FOLDER] [--name bert|sports|toys]

Peers run in environments of their own, and few of those read parquet: the published file (by
default "bert" ML-1M) is written once as plain arrays (codes [N] of items, user after user in the
published order, offsets [U + 1], items [I]). Every peer's scores go through the same slow and
obvious `evaluate`, so that no library's own protocol stands in a figure. Only numpy is needed to
read and to judge. Prints one line of JSON: sizes, and popularity judged the same way, a figure that
is known.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]
Score = Callable[[Ints, str], Floats]  # users [n] and a part: scores [n, I], higher is better

FROM_END = {"validation": 2, "test": 1}  # which item of a user is held out
K = 10
LINES = {"sports": "Sports_and_Outdoors.txt", "toys": "Toys_and_Games.txt"}


@dataclass(frozen=True)
class Sequences:
    codes: Ints  # [N]
    offsets: Ints  # [U + 1]
    n_items: int

    @property
    def n_users(self) -> int:
        return len(self.offsets) - 1

    def before(self, user: int, part: str) -> Ints:
        """What the user had met when the item of this part was held out."""
        return self.codes[self.offsets[user] : self.offsets[user + 1] - FROM_END[part]]

    def held(self, user: int, part: str) -> int:
        return int(self.codes[self.offsets[user + 1] - FROM_END[part]])

    def training(self) -> list[Ints]:
        return [self.before(user, "validation") for user in range(self.n_users)]


def read(file: str | Path) -> Sequences:
    arrays = np.load(file)
    return Sequences(arrays["codes"], arrays["offsets"], len(arrays["items"]))


def evaluate(data: Sequences, part: str, score: Score, block: int = 500) -> dict[str, float]:
    """ndcg@10 and hit@10 over all users: the held item's rank among all items not yet seen.

    Of equal scores the lower code comes first.
    """
    gains = np.zeros(data.n_users)
    for start in range(0, data.n_users, block):
        users = np.arange(start, min(start + block, data.n_users))
        scores = np.array(score(users, part), dtype=np.float64)
        if scores.shape != (len(users), data.n_items) or np.isnan(scores).any():
            raise ValueError(f"no scores: {scores.shape}, or NaN")
        for user, row in zip(users.tolist(), scores, strict=True):
            held = data.held(user, part)
            row[data.before(user, part)] = -np.inf
            rank = np.sum(row > row[held]) + np.sum(row[:held] == row[held])
            if rank < K:
                gains[user] = 1 / np.log2(rank + 2)
    return {f"ndcg@{K}": float(gains.mean()), f"hit@{K}": float((gains > 0).mean())}


def popularity(data: Sequences) -> Score:
    counts = np.bincount(np.concatenate(data.training()), minlength=data.n_items)
    return lambda users, part: np.tile(counts.astype(np.float64), (len(users), 1))


def peer_options(doc: str | None) -> argparse.ArgumentParser:
    """The options of every peer; the defaults are the set-up of the published figures."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="what sequence_data.py wrote")
    parser.add_argument("--out", required=True, help="JSON lines are appended here, one an epoch")
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--heads", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument(
        "--budget-seconds",
        type=float,
        default=float("inf"),
        help="wall seconds of training: the epoch that passes them is the last",
    )
    parser.add_argument(
        "--budget-cpu-seconds", type=float, default=float("inf"), help="the same in CPU seconds"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate-every", type=int, default=1, metavar="EPOCHS")
    parser.add_argument("--part", nargs="+", choices=list(FROM_END), default=list(FROM_END))
    return parser


class Log:
    """Times epochs, evaluation excluded, and writes a line at the end of each.

    Between `start` and `stop` is training; `write` evaluates when it is time to.
    """

    def __init__(self, args: argparse.Namespace, data: Sequences, score: Score, **facts: Any):
        self.args, self.data, self.score, self.facts = args, data, score, facts
        self.born = time.perf_counter()
        self.lines = 0
        self.seconds = self.cpu_seconds = 0.0  # of the last epoch
        self.total_seconds = self.total_cpu_seconds = 0.0
        self.line: dict[str, Any] = {}

    def start(self) -> None:
        if self.lines == 0:
            self.facts["setup_seconds"] = round(time.perf_counter() - self.born, 3)
        self.began = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.seconds = time.perf_counter() - self.began[0]
        self.cpu_seconds = time.process_time() - self.began[1]
        self.total_seconds += self.seconds
        self.total_cpu_seconds += self.cpu_seconds

    def write(self, tokens: int, loss: float, **extra: Any) -> bool:
        """Append a line; whether there is time left for another epoch."""
        self.lines += 1
        left: bool = (
            self.total_seconds < self.args.budget_seconds
            and self.total_cpu_seconds < self.args.budget_cpu_seconds
            and self.lines < self.args.epochs
        )
        self.line = {
            "epoch": self.lines,
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "total_seconds": round(self.total_seconds, 3),
            "total_cpu_seconds": round(self.total_cpu_seconds, 3),
            "tokens": tokens,
            "loss": round(loss, 5),
            **extra,
        }
        if self.lines % self.args.evaluate_every == 0 or not left:
            for part in self.args.part:
                self.line[part] = evaluate(self.data, part, self.score)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.line |= {"peak_rss_mib": round(peak), "threads": self.args.threads, **self.facts}
        with Path(self.args.out).open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(self.line) + "\n")
        return left


def write(folder: Path, file: Path, name: str = "bert") -> Sequences:
    """One of the data sets under `folder`, as plain arrays."""
    if name in LINES:
        text = (folder / "amazon-sequences" / LINES[name]).read_text(encoding="utf-8")
        met = [[int(item) for item in line.split()[1:]] for line in text.splitlines() if line]
        lengths, flat = np.array([len(row) for row in met]), np.concatenate(met)
    else:
        import polars as pl

        rows = pl.read_parquet(folder / "ml-1m" / "sequences-5core.parquet")
        rows = rows.sort("user_id", "position")
        flat = rows["movie_id"].to_numpy()
        lengths = np.unique(rows["user_id"].to_numpy(), return_counts=True)[1]
    items, codes = np.unique(flat, return_inverse=True)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    np.savez(file, codes=codes.astype(np.int32), offsets=offsets.astype(np.int64), items=items)
    return read(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="an .npz")
    parser.add_argument("--data", type=Path, help="folder of the data sets (GIFTREC_DATA)")
    parser.add_argument("--name", choices=("bert", *LINES), default="bert")
    args = parser.parse_args()
    if args.data is None:
        sys.path.insert(0, str(Path(__file__).parent.parent))
        from benchmarks.record import data_root

        args.data = data_root()
    data = write(args.data, args.file, args.name)
    figures = {part: evaluate(data, part, popularity(data)) for part in FROM_END}
    sizes = {"users": data.n_users, "items": data.n_items, "events": len(data.codes)}
    print(json.dumps({**sizes, "popularity": figures}))


if __name__ == "__main__":
    main()

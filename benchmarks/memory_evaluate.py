"""Memory and time of evaluating a large catalogue: the bar is 2 GiB for 100,000 x 100,000.

    python benchmarks/memory_evaluate.py [--users 100000] [--items 100000] [--json]

The model is a 64-dimensional dot product of random vectors, in NumPy. Peak RSS is that of the
whole process, data and model included. Exit code 1 if it is over the bar.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from reccore.data.dataset import Bags, Dataset, Table
from reccore.data.holdout import Holdout
from reccore.data.ids import Codes, IdMap
from reccore.data.interactions import Floats, Histories, Interactions
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.recommender import Arrays, Recommender, UserBatch

BAR_GIB = 2.0
WIDTH = 64
GENRES = 20
SEEN, HELD = 20, 5  # rows a user


class Dot(Recommender):
    rates = True

    def __init__(self, users: int, items: int, rng: np.random.Generator) -> None:
        self.users = rng.standard_normal((users, WIDTH), dtype=np.float32)
        self.items = rng.standard_normal((items, WIDTH), dtype=np.float32)

    def score(self, users: UserBatch) -> Floats:
        scores: Floats = self.users[users.codes] @ self.items.T
        return scores

    def predict(self, users: Codes, items: Codes) -> Floats:
        ratings: Floats = np.einsum("nd,nd->n", self.users[users], self.items[items])
        return ratings

    def arrays(self) -> Arrays:
        return {"users": self.users, "items": self.items}

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        raise NotImplementedError


def interactions(ids: tuple[IdMap, IdMap], rows: int, rng: np.random.Generator) -> Interactions:
    """`rows` a user, in user order; popularity falls off as a power law."""
    users = np.repeat(np.arange(len(ids[0]), dtype=np.int32), rows)
    items = (len(ids[1]) * rng.random(len(users)) ** 3).astype(np.int32)
    return Interactions(*ids, users, items, rng.integers(1, 6, len(users)).astype(np.float32))


def world(users: int, items: int, rng: np.random.Generator) -> tuple[Dataset, Holdout]:
    ids = (IdMap(pl.Series(np.arange(users))), IdMap(pl.Series(np.arange(items))))
    seen, held = interactions(ids, SEEN, rng), interactions(ids, HELD, rng)
    genres = Bags(
        tuple(f"g{number}" for number in range(GENRES)),
        np.arange(items + 1, dtype=np.int64) * 2,
        rng.integers(0, GENRES, 2 * items).astype(np.int32),
    )
    data = Dataset("synthetic", seen, Table(ids[0]), Table(ids[1], features={"genres": genres}))
    offsets = np.arange(users + 1, dtype=np.int64)
    holdout = Holdout(
        np.arange(users, dtype=np.int32),
        Histories(offsets * SEEN, seen.items),
        Histories(offsets * HELD, held.items),
        held,
    )
    return data, holdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--bootstrap", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    data, holdout = world(options.users, options.items, rng)
    model = Dot(options.users, options.items, rng)
    settings = EvaluateSettings(bootstrap=options.bootstrap)
    last = [0.0, 0.0]

    def progress(done: int, total: int) -> None:
        last[:] = [time.perf_counter() - started, done / total]

    started, cpu = time.perf_counter(), time.process_time()
    evaluation = evaluate(model, holdout, Catalogue.of(data), settings, progress)
    result = {
        "users": options.users,
        "items": options.items,
        "seconds": round(time.perf_counter() - started, 1),
        "scoring_seconds": round(last[0], 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
        "metrics": len(evaluation.summary),
    }
    if options.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:>16}  {value}" for name, value in result.items()))
    return int(result["peak_gib"] > BAR_GIB)


if __name__ == "__main__":
    sys.exit(main())

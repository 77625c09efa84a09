"""Bundles of every model: parity, size, latency against the model itself, and what int8 costs.

python -m benchmarks.bundles                        # go on where the last call stopped
python -m benchmarks.bundles --only models|aware|open|million|grow

Latency is interleaved: the run's model and the bundle score the same users in turn, one at a time
and 32. `open` and `million` use a made-up catalogue: their figures are about size, not quality.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import polars as pl

from benchmarks.record import append, data_root, done, rows
from cinesync.bundles import export
from cinesync.runs import Run
from cinesync.settings import resolve
from cinesync.training import train
from cinesync.zoo import ZOO
from reccore.bundle import indexing
from reccore.bundle.batch import score_all
from reccore.bundle.bundle import Bundle
from reccore.bundle.parts import Export, Graph
from reccore.bundle.write import seal, write_json, write_parts
from reccore.data.dataset import Table
from reccore.data.ids import IdMap
from reccore.recommender import UserBatch
from reccore.retrieve.choose import RetrieveSettings

NAME = "bundles"
T = TypeVar("T")
EPOCHS = 5  # enough for a quality to lose
ROUNDS = 200
FIRST = """
import sys, time
for absent in ("torch", "scipy", "numba", "onnx"):
    sys.modules[absent] = None
began = time.perf_counter()
import json
from pathlib import Path
from reccore.bundle.bundle import Bundle
imported = time.perf_counter()
bundle = Bundle.open(sys.argv[1])
bundle.recommend(history=bundle.items.ids.ids[:5].to_list())
status = Path("/proc/self/status").read_text()  # rusage counts what the parent held before exec
peak = int(status.partition("VmHWM:")[2].split()[0])
print(json.dumps({"import_seconds": imported - began,
    "open_and_answer_seconds": time.perf_counter() - imported,
    "peak_mib": peak / 1024}))
"""


def models() -> None:
    """Every model of the zoo on ML-100K, exported plain, as int8 and as fp16."""
    for name, entry in ZOO.items():
        if done(NAME, f"model/{name}"):
            continue
        changes: dict[str, Any] = {
            "data": {"name": "ml-100k", "path": str(data_root() / "ml-100k")},
            "evaluate": {"bootstrap": 0},
        }
        if entry.trained:
            changes["train"] = {"epochs": EPOCHS, "evaluate_every": EPOCHS, "patience": 0}
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            run, _ = train(resolve(name, changes=changes), out=root / "run")
            whole = export(run, root / "whole")
            figures: dict[str, Any] = {
                "parity": whole.parity,
                "bytes": whole.manifest.size,
                **first_answer(root / "whole"),
                **latencies(run, Bundle.open(root / "whole")),
            }
            for kind in ("int8", "fp16"):
                small = export(run, root / kind, quantise=kind)
                figures[kind] = dict(small.manifest["quantised"])
            append(
                NAME, f"model/{name}", data_fingerprint=run.manifest["data_fingerprint"], **figures
            )
            print(name, figures, flush=True)


def aware() -> None:
    """Two-tower trained on rounded vectors or not, and what int8 costs each: three seeds."""
    for seed in range(3):
        for on in (False, True):
            key = f"aware/{on}/{seed}"
            if done(NAME, key):
                continue
            changes: dict[str, Any] = {
                "data": {"name": "ml-100k", "path": str(data_root() / "ml-100k")},
                "split": {"seed": 0},
                "evaluate": {"bootstrap": 0},
                "model": {"quantise_aware": on},
                "train": {"epochs": 15, "evaluate_every": 15, "patience": 0},
            }
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                run, _ = train(resolve("two-tower", seed=seed, changes=changes), out=root / "run")
                cost = export(run, root / "int8", quantise="int8").manifest["quantised"]
            append(NAME, key, data_fingerprint=run.manifest["data_fingerprint"], **cost)
            print(key, cost["ndcg@10"], flush=True)


def first_answer(folder: Path) -> dict[str, float]:
    """Seconds and memory of a fresh process that answers once, without torch."""
    asked = [sys.executable, "-c", FIRST, str(folder)]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(said)
    return figures


def latencies(run: Run, bundle: Bundle) -> dict[str, Any]:
    """Median milliseconds a call, model / bundle, and the ratio of paired calls."""
    figures = {}
    for size in (1, 32):
        spent: tuple[list[float], list[float]] = ([], [])
        for at in range(ROUNDS):
            codes = (np.arange(size, dtype=np.int32) + at * size) % len(run.dataset.users)
            batch = UserBatch(codes, run.histories.take(codes))
            for scorer, times in zip((run.model, bundle.scorer), spent, strict=True):
                began = time.perf_counter()
                scorer.score(batch)
                times.append(1000 * (time.perf_counter() - began))
        ratio = median(a / b for a, b in zip(*spent, strict=True))
        figures[f"batch {size}"] = {
            "model_ms": median(spent[0]),
            "bundle_ms": median(spent[1]),
            "faster": ratio,
        }
    return figures


def made_up(folder: Path, items: int, dim: int) -> Bundle:
    """Two towers' bundle of a catalogue of random vectors."""
    import torch

    draw = np.random.default_rng(0)
    vectors = draw.normal(0, 0.3, (items, dim + 1)).astype(np.float32)

    class Deep(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(dim, dim)

        def forward(self, pooled: torch.Tensor) -> torch.Tensor:
            return pooled + torch.relu(self.layer(pooled))

    parts = Export(
        "encoder",
        items={"vectors": vectors, "history": np.ascontiguousarray(vectors[:, :-1])},
        graphs={"user": Graph(Deep(), {"pooled": ("batch", dim)}, "vector")},
        options={"bag_norm": "mean", "bag_scale": 8.0},
    )
    ids = Table(IdMap(pl.Series(np.arange(items, dtype=np.int64))))
    write_parts(folder, parts, ids, draw.random(items).astype(np.float32), None)
    write_json(folder / "golden-1.json", [])
    facts = {"model": "two-tower", "product": "cinesync", "served": {"diversity": 0.0}}
    facts |= {"minimum_version": "0.1.0", "blessed": True, "quantised": None}
    return Bundle(folder, seal(folder, parts, facts))


def opening() -> None:
    """A catalogue of 100,000 items: seconds from opening to the first answer."""
    if done(NAME, "open/100000"):
        return
    with tempfile.TemporaryDirectory() as folder:
        made_up(Path(folder) / "b", 100_000, 128)
        figures = [first_answer(Path(folder) / "b") for _ in range(3)]
    middle = {name: median(f[name] for f in figures) for name in figures[0]}
    append(NAME, "open/100000", dim=128, **middle)
    print(middle)


def million(people: int = 1_000_000, items: int = 10_000, dim: int = 64) -> None:
    """`score-all` of a million histories, top 10: people a second and peak memory."""
    if done(NAME, f"score-all/{people}"):
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        bundle = made_up(root / "b", items, dim)
        draw = np.random.default_rng(1)
        met = draw.integers(0, items, (people, 20))
        frame = pl.DataFrame({"user": np.arange(people), "history": met})
        frame = frame.with_columns(pl.col("history").arr.to_list())
        frame.write_parquet(root / "people.parquet")
        del met, frame
        began, cpu = time.perf_counter(), time.process_time()
        score_all(bundle, root / "people.parquet", root / "out")
        spent = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    figures = {"seconds": spent, "cpu_seconds": time.process_time() - cpu, "peak_gib": peak}
    figures |= {"people_a_second": people / spent, "items": items, "dim": dim}
    append(NAME, f"score-all/{people}", **figures)
    print(figures)


def grow(items: int = 1_000_000, new: int = 1_000, dim: int = 64) -> None:
    """A thousand items more in an index of a million: seconds until they can be recommended."""
    if done(NAME, f"add/{items}"):
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "b"
        bundle = made_up(folder, items, dim)
        began = time.perf_counter()
        facts = indexing.build(bundle, RetrieveSettings(kind="ivf", probes=8))
        built = time.perf_counter() - began
        bundle.manifest.next(index=facts).write(folder)
        opened, seconds = timed(lambda: Bundle.open(folder))
        vectors = np.random.default_rng(2).normal(0, 3, (new, dim + 1)).tolist()
        frame = pl.DataFrame({"id": np.arange(items, items + new), "vector": vectors})
        _, adding = timed(lambda: indexing.add(opened, frame))
        again, reopening = timed(lambda: Bundle.open(folder))
        answer, first = timed(lambda: again.recommend(history=["1", "2"], k=10))
        came = sum(int(item.item) >= items for item in answer.items)
    figures = {"build_seconds": built, "open_seconds": seconds, "add_seconds": adding}
    figures |= {"reopen_seconds": reopening, "first_answer_seconds": first, "new_in_top_10": came}
    append(NAME, f"add/{items}", new=new, dim=dim, **figures)
    print(figures)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def markdown() -> str:
    """The tables of RESULTS.md."""
    measured = [row for row in rows(NAME) if row["key"].startswith("model/")]
    lines = [
        "| model | parity | KiB | ms a user: model / bundle (faster) | ms for 32 (faster) "
        "| first answer, s | peak MiB | int8: size, ms, ndcg@10, blessed "
        "| fp16: size, ms, ndcg@10, blessed |",
        "|---" * 9 + "|",
    ]
    for row in measured:
        one, many = row["batch 1"], row["batch 32"]
        cells = [
            row["key"].removeprefix("model/"),
            f"{row['parity']:.1e}",
            f"{row['bytes'] / 1024:,.0f}",
            f"{one['model_ms']:.3f} / {one['bundle_ms']:.3f} ({one['faster']:.1f}x)",
            f"{many['model_ms']:.3f} / {many['bundle_ms']:.3f} ({many['faster']:.1f}x)",
            f"{row['open_and_answer_seconds']:.2f}",
            f"{row['peak_mib']:.0f}",
            *(_cost(row[kind]) for kind in ("int8", "fp16")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append(_aware())
    for row in rows(NAME):
        if row["key"].startswith("open/"):
            lines.append(
                f"\n100,000 items x {row['dim']}: opened, checked and answered in "
                f"{row['open_and_answer_seconds']:.2f} s ({row['peak_mib']:.0f} MiB)."
            )
        if row["key"].startswith("add/"):
            lines.append(
                f"\n{row['new']:,} items added to 1,000,000 x {row['dim']}: "
                f"{row['add_seconds']:.2f} s, and {row['new_in_top_10']} of them in the next "
                f"answer's 10; opening (every file hashed) {row['open_seconds']:.1f} s before, "
                f"{row['reopen_seconds']:.1f} s after; the index was built in "
                f"{row['build_seconds']:.0f} s."
            )
        if row["key"].startswith("score-all/"):
            lines.append(
                f"\n`score-all` of 1,000,000 histories, {row['items']:,} items x {row['dim']}: "
                f"{row['seconds']:.0f} s, {row['people_a_second']:,.0f} people a second, peak "
                f"{row['peak_gib']:.2f} GiB."
            )
    return "\n".join(lines)


def _aware() -> str:
    """What quantisation-aware training is worth, in a sentence of figures."""
    shown = []
    for on, what in ((False, "plain"), (True, "quantisation-aware")):
        mine = [row["ndcg@10"] for row in rows(NAME) if row["key"].startswith(f"aware/{on}/")]
        if mine:
            before, after = (np.mean([row[side] for row in mine]) for side in ("before", "after"))
            shown.append(f"{what} {before:.4f} before, {after:.4f} as int8 ({len(mine)} seeds)")
    return "\nTwo-tower, validation ndcg@10: " + "; ".join(shown) + "." if shown else ""


def _cost(cost: dict[str, Any]) -> str:
    size = cost["size"]["after"] / cost["size"]["before"]
    ms, ndcg = cost["milliseconds"], cost["ndcg@10"]
    blessed = "yes" if cost["blessed"] else "no"
    times = ms["after"] / ms["before"]
    return f"{size:.2f}x, {times:.2f}x, {ndcg['before']:.4f} to {ndcg['after']:.4f}, {blessed}"


PARTS = {"models": models, "aware": aware, "open": opening, "million": million, "grow": grow}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(PARTS), help="measure this part only")
    options = parser.parse_args()
    for name, part in PARTS.items():
        if options.only in (None, name):
            part()
    print(markdown())


if __name__ == "__main__":
    main()

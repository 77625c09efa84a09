"""SASRec beside its rivals: seconds of an epoch, the way to quality, seconds of an answer.

    python -m benchmarks.sequences epoch --rectools PYTHON [--recbole PYTHON] [--rounds 3]
    python -m benchmarks.sequences race --rectools PYTHON
    python -m benchmarks.sequences inference
    python -m benchmarks.sequences picture

All on "bert" ML-1M, leave-one-out. Rounds alternate, each side in a process of its own with one
thread; figures are CPU seconds, which a busy machine distorts less than wall time. What is measured
already is not repeated. The quality of our models stands in quality.toml.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import sequence_data
from benchmarks.ground import RUNS, ground
from benchmarks.quality import NAME as QUALITY
from benchmarks.record import RESULTS, append, data_root, done, rows
from reccore.track.curves import Series, line_chart

NAME = "sequences"
SIZE = {"dim": 64, "blocks": 2, "heads": 1, "dropout": 0.2, "length": 200}
BATCH = 128
AS_THEIRS = {"hidden": 64, "feed_forward": "relu", "gated": False, "positions": "learned"}
AS_THEIRS |= {"windows": "last"}
BUDGET = 2100  # CPU seconds of the race: thirty minutes of RecTools on two quiet cores, 15 epochs
DATA = {
    "file": "ml-1m/sequences-5core.parquet",
    "map": {"user": "user_id", "item": "movie_id", "order": "position"},
}
PEERS = Path(__file__).absolute().parent / "peers"
PLAIN = {
    "plain padded": [],
    "plain, real targets": ["--real-targets"],
    "plain, real targets, no attention dropout": ["--real-targets", "--no-attention-dropout"],
}
TURN = 20  # users that a side answers before it is the next one's turn
FULL = "ml-1m-bert-loo/sasrec"


def bert(**changes: dict[str, Any]) -> Any:
    """Settings of a run on the data of this page."""
    from cinesync.settings import resolve

    stands_on = {**ground(DATA), "split": {"kind": "loo"}}
    return resolve("sasrec", changes={**stands_on, **changes})


def ours(how: list[str]) -> None:
    """One epoch through the trainer every model goes through, of the rivals' size."""
    from cinesync.runs import prepare
    from reccore.data.batches import IndexBatches
    from reccore.train.loop import TrainSettings, fit

    settings = bert(model={**SIZE, **AS_THEIRS} | dict(part.split("=") for part in how))
    prepared = prepare(settings.data, settings.split)
    model: Any = settings.entry.build(settings.model, prepared.training(False), 0)
    task = model.task(prepared.training(False), dict, 0)
    train = TrainSettings(epochs=1, batch_size=BATCH, lr=1e-3, weight_decay=0.0, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        found = fit(task, IndexBatches(task.rows, BATCH, 0), train, Path(folder), 0)
    epoch = found.records[-1]
    print(json.dumps({name: epoch[name] for name in ("seconds", "cpu_seconds", "memory_mb")}))


def sequences() -> Path:
    """The data as peers read it."""
    file = RUNS / "bert.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        sequence_data.write(data_root(), file)
    return file


def one_thread(command: list[str]) -> str:
    """The last line of what it prints; or its error."""
    room = {**os.environ, "OMP_NUM_THREADS": "1", "GIFTREC_DATA": str(data_root())}
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=room)
    if answer.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{answer.stderr[-2000:]}")
    return answer.stdout.splitlines()[-1]


def peer(python: str, script: str, *options: str) -> dict[str, Any]:
    """Run one; its last line. Whatever it logged goes to a scratch file."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["--data", str(sequences()), "--out", f"{folder}/log.jsonl", *options]
        line: dict[str, Any] = json.loads(one_thread([python, str(PEERS / script), *words]))
    return line


def epoch(rectools: str, recbole: str | None, rounds: int) -> None:
    """One epoch of each, in turn, evaluation excluded."""
    sides: dict[str, Any] = {
        name: lambda options=options: peer(sys.executable, "plain_sasrec.py", *options)
        for name, options in PLAIN.items()
    }
    here = [sys.executable, "-m", "benchmarks.sequences", "ours"]
    sides["ours"] = lambda: json.loads(one_thread(here))
    sides["ours, fp32 products"] = lambda: json.loads(one_thread([*here, "products=fp32"]))
    sides["RecTools"] = lambda: peer(rectools, "rectools_sasrec.py", "--part", "validation")
    if recbole is not None:
        sides["RecBole"] = lambda: peer(recbole, "recbole_sasrec.py", "--steps", "15")
    for number in range(rounds):
        for name, run in sides.items():
            key = f"epoch/{name}/{number}"
            if not done(NAME, key):
                figures = run()
                kept = ("seconds", "cpu_seconds", "peak_rss_mib", "memory_mb", "extrapolated")
                append(NAME, key, **SIZE, batch=BATCH, **{n: figures.get(n) for n in kept})
                print(f"{key}: {figures['cpu_seconds']:.1f} CPU-s", flush=True)


def race(rectools: str) -> None:
    """RecTools for its budget, measured after every epoch: its way, which ours is set beside."""
    key = "race/RecTools"
    if done(NAME, key):
        return
    log = RUNS / "rectools.jsonl"
    if not log.exists() or logged(log)[-1]["total_cpu_seconds"] < BUDGET:
        log.unlink(missing_ok=True)  # RecTools does not resume: an interrupted race begins anew
        words = ["--data", str(sequences()), "--out", str(log), "--epochs", "1000"]
        words += ["--budget-cpu-seconds", str(BUDGET), "--evaluate-every", "1"]
        one_thread([rectools, str(PEERS / "rectools_sasrec.py"), *words])
    lines = logged(log)
    first = next(at for at, line in enumerate(lines) if line["total_cpu_seconds"] >= BUDGET)
    lines = lines[: first + 1]
    curve = [[line["total_cpu_seconds"], line["validation"]["ndcg@10"]] for line in lines]
    best = max(lines, key=lambda line: float(line["validation"]["ndcg@10"]))
    append(NAME, key, **SIZE, batch=BATCH, curve=curve, test=best["test"], line=lines[-1])


def logged(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def way(prefix: str) -> list[tuple[float, float]]:
    """Our first seed's validation by CPU seconds."""
    found = [row for row in rows(QUALITY) if row["key"].startswith(prefix + "/")]
    return [(float(x), float(y)) for x, y in found[0]["curve"]] if found else []


def reached(curve: list[tuple[float, float]], level: float) -> float | None:
    """CPU seconds at which a way first is at that level; None: never."""
    return next((seconds for seconds, value in curve if value >= level), None)


def inference() -> None:
    """Milliseconds of one user's vector: the bundle's graph against eager torch, in turn."""
    import torch

    from cinesync.bundles import export
    from cinesync.models.sequence import SequenceRecommender
    from cinesync.training import train
    from reccore.bundle.bundle import Bundle
    from reccore.recommender import UserBatch

    torch.set_num_threads(1)
    settings = bert(train={"epochs": 1}, evaluate={"bootstrap": 0})
    with tempfile.TemporaryDirectory() as folder:
        run, _ = train(settings, out=Path(folder) / "run")
        bundle = Bundle.open(export(run, Path(folder) / "bundle").path)
        model = run.model
        assert isinstance(model, SequenceRecommender)
        test = run.prepared.split.test
        long = np.flatnonzero(test.histories.lengths >= SIZE["length"])
        some = {"real lengths": np.arange(0, len(test), 20), "length 200": long[::5]}
        for name, users in some.items():
            batches = [
                UserBatch(test.users, test.histories).take(users[at : at + 1])
                for at in range(min(len(users), 300))
            ]
            spent: dict[str, list[float]] = {"plain eager": [], "ours eager": [], "graph": []}
            sides = {
                "plain eager": lambda batch: plain_eager(model, batch),
                "ours eager": model.user_vectors,
                "graph": bundle.scorer.user_vectors,  # type: ignore[attr-defined]
            }
            for at in range(0, len(batches), TURN):
                for side, answer in sides.items():
                    for batch in batches[at : at + 3]:  # the caches are another side's
                        answer(batch)
                    began = time.process_time()
                    for batch in batches[at : at + TURN]:
                        answer(batch)
                    spent[side].append(time.process_time() - began)
            figures = {side: 1000 * sum(parts) / len(batches) for side, parts in spent.items()}
            append(NAME, f"inference/{name}", users=len(batches), milliseconds=figures)
            print(name, figures, flush=True)


def plain_eager(model: Any, batch: Any) -> Any:
    """As a module is usually asked: every token's state, padded to nothing, the last one taken."""
    import torch

    from cinesync.models.events import Events

    module, length = model.module, model.settings.length
    with torch.no_grad():
        items = torch.from_numpy(batch.histories.items[-length:].astype(np.int64))
        tokens = Events(items).pack(torch.tensor([0]), torch.tensor([len(items)]))
        x = module.enter(module.items(tokens.items), tokens.layout, None)
        return module.read(x, tokens.layout, None)[-1].numpy()


def picture() -> None:
    """Validation by CPU seconds: ours and RecTools'."""
    ways = {"ours": way(FULL)}
    for row in rows(NAME):
        if row["key"] == "race/RecTools":
            ways["RecTools"] = row["curve"]
    series = [Series(name, tuple((x, y) for x, y in curve)) for name, curve in ways.items()]
    title = "ndcg@10 on validation, ML-1M leave-one-out"
    chart = line_chart(title, series, x_label="CPU seconds of training")
    (RESULTS / "sequences.svg").write_text(chart, encoding="utf-8")


def markdown() -> str:
    """What the rows say."""
    return "\n\n".join(part for part in (_epochs(), _race(), _inference()) if part)


def _epochs() -> str:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows(NAME):
        kind, name, *_ = row["key"].split("/")
        if kind == "epoch":
            found.setdefault(name, []).append(row)
    if not {"ours", "RecTools", "plain padded"} <= set(found):
        return ""
    cost = {
        name: float(np.median([r["cpu_seconds"] for r in some])) for name, some in found.items()
    }
    lines = ["| one epoch, batch 128, one thread | CPU s | ours takes | peak MiB | rounds |"]
    lines.append("|---" * 5 + "|")
    for name, some in found.items():
        peak = max(float(r["peak_rss_mib"] or r["memory_mb"] or 0) for r in some)
        share = f"{cost['ours'] / cost[name]:.2f}x"
        said = f"{cost[name]:.1f}" + (" (extrapolated)" if some[0]["extrapolated"] else "")
        lines.append(f"| {name} | {said} | {share} | {peak:.0f} | {len(some)} |")
    return "\n".join(lines)


def _race() -> str:
    found = [row for row in rows(NAME) if row["key"] == "race/RecTools"]
    mine = way(FULL)
    if not found or not mine:
        return ""
    theirs = found[0]["curve"]
    level = max(value for _, value in theirs)
    spent = next(seconds for seconds, value in theirs if value >= level)
    seconds = reached(mine, level)
    said = (
        "never" if seconds is None else f"{seconds:.0f} CPU s, {seconds / spent:.3f} of RecTools'"
    )
    return (
        f"RecTools' best validation ndcg@10 within {BUDGET} CPU s (15 epochs): "
        f"{level:.4f}, at {spent:.0f} CPU s. Ours reaches it after {said}."
    )


def _inference() -> str:
    found = [row for row in rows(NAME) if row["key"].startswith("inference/")]
    if not found:
        return ""
    lines = ["| one user, one thread, CPU ms | plain eager | our eager | graph | plain / graph |"]
    lines.append("|---" * 5 + "|")
    for row in found:
        ms = row["milliseconds"]
        cells = [f"{ms[side]:.2f}" for side in ("plain eager", "ours eager", "graph")]
        ratio = f"{ms['plain eager'] / ms['graph']:.1f}x"
        lines.append(f"| {row['key'].split('/')[1]} | " + " | ".join([*cells, ratio]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=("epoch", "race", "inference", "picture", "ours"))
    parser.add_argument("how", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--rectools", default="", help="python with RecTools")
    parser.add_argument("--recbole", default=None, help="python with RecBole")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    match options.step:
        case "epoch":
            epoch(options.rectools, options.recbole, options.rounds)
        case "race":
            race(options.rectools)
        case "inference":
            inference()
        case "picture":
            picture()
        case "ours":
            ours(options.how)


if __name__ == "__main__":
    main()

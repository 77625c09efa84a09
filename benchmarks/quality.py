"""The honest table: every model on real data, every seed, with intervals and cost.

python -m benchmarks.quality                       # go on where the last call stopped
python -m benchmarks.quality --only two-tower      # labels that contain these words
"""

import argparse
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ground import RUNS, ground
from benchmarks.ground import words as said
from benchmarks.record import Row, append, done, rows
from cinesync.settings import resolve
from cinesync.training import resume, train
from reccore.config import merge, parse_assignments

NAME = "quality"
Table = dict[str, Any]


def tables() -> list[Table]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["table"]


def measure(table: Table, run: dict[str, Any], seed: int) -> None:
    """One training, one row."""
    key = f"{table['name']}/{run['label']}/{seed}"
    if done(NAME, key):
        return
    print(key, flush=True)
    below = {**ground(table), "split": table["split"]}
    settings = resolve(
        run["model"],
        seed=seed,
        preset=run.get("preset"),
        changes=merge(below, parse_assignments(run.get("set", []))),
    )
    folder = RUNS / key.replace("/", "--").replace(" ", "-").replace(",", "")
    if (folder / "trainer.pt").exists():  # an earlier call was stopped
        trained, evaluation = resume(folder, changes=lambda stored: stored)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        trained, evaluation = train(settings, out=folder)
    metrics = evaluation.to_json()["metrics"]
    facts = trained.manifest
    append(
        NAME,
        key,
        command=_command(table, run, seed),
        data_fingerprint=facts["data_fingerprint"],
        leak_rate=facts["split"]["leak_rate"],
        training={k: v for k, v in facts["training"].items() if k != "flags"},
        metrics={name: metrics[name] for name in table["metrics"]},
        **curve(folder, table.get("curve")),
    )
    shutil.rmtree(folder)


def curve(folder: Path, metric: str | None) -> dict[str, Any]:
    """Validation against the CPU seconds of training spent by then, for tables that ask for it."""
    if metric is None or not (folder / "history.jsonl").exists():
        return {}
    points, spent = [], 0.0
    for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines():
        epoch = json.loads(line)
        spent += epoch["cpu_seconds"]
        if f"val/{metric}" in epoch:
            points.append([round(spent, 1), round(epoch[f"val/{metric}"], 5)])
    return {"curve": points}


def _command(table: Table, run: dict[str, Any], seed: int) -> str:
    split = dict(table["split"])
    words = ["cinesync train", run["model"], *said(table)]
    words += [f"--split {split.pop('kind')} --seed {seed}"]
    if "preset" in run:
        words.append(f"--preset {run['preset']}")
    sets = [f"data.options.{k}={v}" for k, v in table.get("options", {}).items()]
    sets += [f"split.{k}={v}" for k, v in split.items() if (k, v) != ("seed", seed)]
    return " ".join([*words, *(f"--set {one}" for one in [*sets, *run.get("set", [])])])


def markdown(table: Table) -> str:
    """A section: the scores, then what they stand on and how to repeat them."""
    lines = [f"### {table['title']}\n", scores(table, tuple(table["metrics"]))]
    some = [r for r in rows(NAME) if r["key"].startswith(f"{table['name']}/")]
    if some:
        lines.append(f"\nData {some[-1]['data_fingerprint']}, leak rate 0. Commands:\n")
        commands = {r["command"] for r in some if r["key"].endswith("/0")}
        lines.extend(f"    {command}" for command in sorted(commands))
    return "\n".join(lines)


def scores(table: Table, metrics: tuple[str, ...]) -> str:
    """Mean over seeds; the interval is the hull of the seeds' own."""
    lines = [
        "| model | seeds | " + " | ".join(metrics) + " | training, CPU s | commit |",
        "|---" * (len(metrics) + 4) + "|",
    ]
    measured = rows(NAME)
    for run in table["run"]:
        mine = [r for r in measured if r["key"].startswith(f"{table['name']}/{run['label']}/")]
        if mine:
            cells = [_cell(mine, metric) for metric in metrics]
            cost = np.mean([r["training"]["cpu_seconds"] for r in mine])
            ends = (f"{cost:.1f}", str(mine[-1]["commit"]))
            line = (run["label"], str(len(mine)), *cells, *ends)
            lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines)


def _cell(mine: list[Row], metric: str) -> str:
    found = [r["metrics"][metric] for r in mine]
    value = np.mean([one["value"] for one in found])
    if found[0]["low"] is None:
        return f"{value:.4f}"
    low, high = min(one["low"] for one in found), max(one["high"] for one in found)
    return f"{value:.4f} ({low:.4f} .. {high:.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="measure only labels or tables with this in it")
    options = parser.parse_args()
    for table in tables():
        for run in table["run"]:
            if options.only in f"{table['name']}/{run['label']}":
                for seed in run.get("seeds", [0]):
                    measure(table, run, seed)
    print("\n\n".join(markdown(table) for table in tables()))


if __name__ == "__main__":
    main()

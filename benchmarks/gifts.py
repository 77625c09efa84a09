"""The gift model's bars: shipped scenarios, 50 splits, fresh scenarios, ablations.

    python -m benchmarks.gifts                    # go on where the last call stopped
    python -m benchmarks.gifts --only splits

Each training is a row; finished ones are not repeated. Fresh scenarios are those of
`giftrec test-best`: another seed than any training's.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import RESULTS, Row, append, done, rows
from giftrec.judge import Judge, Verdict
from giftrec.runs import Run
from giftrec.scenarios.expand import expand
from giftrec.scenarios.files import load_scenarios, write_scenarios
from giftrec.settings import resolve
from giftrec.testing import FRESH_SEED, judged
from giftrec.training import train, world_of
from reccore.config import parse_assignments

NAME = "gifts"
FRESH = 2000
GENERATED_SEED = 11  # of training scenarios
CACHE = RESULTS / "scenarios"  # generated, not committed

ABLATIONS: dict[str, list[str]] = {
    "compact": [],
    "no augmentation": ["augment.enabled=false"],
    "one rate for all parts": ["train.groups={}"],
    "loss weights equal": [
        f"train.objective.weights.{term}=0.25"
        for term in ("category", "tool_diversity", "reward", "semantic_matching")
    ],
    "without the category loss": ["train.objective.weights.category=0.0"],
    "without the tool loss": ["train.objective.weights.tool_diversity=0.0"],
    "without the reward loss": ["train.objective.weights.reward=0.0"],
    "without semantic matching": ["train.objective.weights.semantic_matching=0.0"],
    "uncertainty weights": [
        "train.objective.mode=uncertainty",
        "train.objective.weights.embedding_regularisation=1e-5",
    ],
    "width 12": ["model.width=12"],
    "width 96": ["model.width=96"],
    "ask above 0.5": ["model.ask_above=0.5"],
    "25 scenarios": ["data.scenarios=25"],
    "1000 scenarios": ["data.scenarios=1000", "train.epochs=8"],
}


def scenarios_file(count: int) -> str:
    """Generated training scenarios, kept on disk between calls."""
    path = CACHE / f"{count}-{GENERATED_SEED}.json"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        write_scenarios(
            path, expand(world_of(None), count, GENERATED_SEED), {"seed": GENERATED_SEED}
        )
    return str(path)


@lru_cache(maxsize=1)
def fresh_judge() -> Judge:
    """The fresh scenarios with the truth about them; the values of tools take a minute."""
    world = world_of(None)
    path = CACHE / f"{FRESH}-{FRESH_SEED}.json"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        write_scenarios(path, expand(world, FRESH, FRESH_SEED), {"seed": FRESH_SEED})
    kept = path.with_suffix(".npy")
    known = np.load(kept) if kept.exists() else None
    judge = Judge(world, load_scenarios(path, world).scenarios, known)
    if known is None:
        np.save(kept, judge.tool_values)
    return judge


def measure(key: str, preset: str, seed: int, given: list[str], *, fresh: bool = True) -> None:
    """One training, its validation figures, and its figures on the fresh scenarios."""
    if done(NAME, key):
        return
    print(key, flush=True)
    changes = parse_assignments(given)
    count = changes.get("data", {}).get("scenarios")
    if isinstance(count, int):
        changes["data"]["scenarios"] = scenarios_file(count)
    settings = resolve(seed, preset, changes)
    if "train.groups={}" in given:
        settings = settings.model_copy(
            update={"train": settings.train.model_copy(update={"groups": {}})}
        )
    with tempfile.TemporaryDirectory() as scratch:
        began, cpu = time.perf_counter(), time.process_time()
        run = Run(train(settings, out=Path(scratch) / "run"))
        spent = {
            "seconds": round(time.perf_counter() - began, 2),
            "cpu_seconds": round(time.process_time() - cpu, 2),
        }
        training = run.manifest["training"]
        found: dict[str, Any] = {
            "validation": _values(run.manifest["evaluation"]),
            "training": Judge(run.world, run.ground.training)
            .verdict(run.recommender.answer(run.ground.training), tools=False)
            .value("quality"),
        }
        if fresh:
            judge = fresh_judge()
            found["fresh"] = _figures(judge.verdict(run.recommender.answer(judge.scenarios)))
        append(
            NAME,
            key,
            settings=given,
            **spent,
            **found,
            epochs=training.get("epochs"),
            best_epoch=training.get("best_epoch"),
            red_flags=_red(run),
            epoch_cpu=_epoch(run, "cpu_seconds"),
            epoch_seconds=_epoch(run, "seconds"),
            parameters=run.manifest["parameters"],
            data_fingerprint=run.manifest["data_fingerprint"],
        )


def _values(evaluation: Mapping[str, Any]) -> dict[str, float]:
    return {name: m["value"] for name, m in evaluation.items() if isinstance(m, dict)}


def _figures(verdict: Verdict) -> dict[str, list[float | None]]:
    return {name: [m.value, m.low, m.high] for name, m in verdict.metrics().items()}


def _records(run: Run) -> list[dict[str, Any]]:
    import json

    lines = (run.path / "history.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _red(run: Run) -> list[str]:
    return [
        f"{flag['name']}@{record['epoch']}"
        for record in _records(run)
        for flag in record.get("flags", ())
        if flag["colour"] == "red"
    ]


def _epoch(run: Run, figure: str) -> float:
    return float(np.median([record[figure] for record in _records(run)]))


def shipped(seeds: int) -> None:
    for preset in ("compact", "reference"):
        for seed in range(seeds if preset == "compact" else 1):
            measure(f"shipped/{preset}/{seed}", preset, seed, [])


def splits(seeds: int) -> None:
    for seed in range(50):
        measure(f"splits/compact/{seed}", "compact", seed, [], fresh=False)


def generated(seeds: int) -> None:
    for seed in range(seeds):
        measure(f"generated/thousands/{seed}", "thousands", seed, ["data.scenarios=2000"])


def ablations(seeds: int) -> None:
    for seed in range(seeds):
        for name, given in ABLATIONS.items():
            measure(f"ablation/{name}/{seed}", "compact", seed, given)


def tested(seeds: int) -> None:
    """`test-best` itself, with its baselines, on a shipped-data and a generated-data run."""
    for label, preset, given in (
        ("shipped", "compact", []),
        ("generated", "thousands", [f"data.scenarios={scenarios_file(2000)}"]),
    ):
        key = f"tested/{label}"
        if done(NAME, key):
            continue
        print(key, flush=True)
        with tempfile.TemporaryDirectory() as scratch:
            settings = resolve(0, preset, parse_assignments(given))
            run = Run(train(settings, out=Path(scratch) / "run"))
            report = judged(run, fresh=FRESH).to_json()

            append(
                NAME,
                key,
                data_fingerprint=run.manifest["data_fingerprint"],
                model=_some(report["fresh"]),
                baselines={n: _some(p["fresh"]) for n, p in report["baselines"].items()},
            )


def _some(metrics: Mapping[str, Any]) -> dict[str, Any]:
    figures = ("quality", *SHOWN, "reward_ece", "budget_violations")
    return {name: list(metrics[name].values()) for name in figures}


PARTS = {
    "shipped": shipped,
    "generated": generated,
    "tested": tested,
    "splits": splits,
    "ablations": ablations,
}

SHOWN = ("category_match", "category_f1", "tool_match", "tool_f1", "tool_regret", "reward_share")


def markdown() -> str:
    """The rows measured so far, as tables."""
    measured = rows(NAME)
    return "\n\n".join(
        [
            _runs(measured, "shipped/", "Shipped scenarios (80 to train on)"),
            _runs(measured, "generated/", "2,000 generated scenarios"),
            _splits(_under(measured, "splits/")),
            *(_rivals(row) for row in _under(measured, "tested/")),
            _ablations(_under(measured, "ablation/")),
        ]
    )


def _under(measured: list[Row], prefix: str) -> list[Row]:
    return [row for row in measured if row["key"].startswith(prefix)]


def _runs(measured: list[Row], prefix: str, title: str) -> str:
    columns = (*SHOWN, "reward_ece", "quality", "budget_violations")
    lines = [
        f"### {title}\n",
        "| run | parameters | validation quality / category match / tool match | gap | "
        + " | ".join(f"fresh {c}" for c in columns)
        + " | best epoch of | CPU s (an epoch) | red flags | commit |",
        "|---" * (len(columns) + 8) + "|",
    ]
    for row in _under(measured, prefix):
        v = row["validation"]
        cells = [f"{a:.4f} ({b:.4f} .. {c:.4f})" for a, b, c in (row["fresh"][m] for m in columns)]
        lines.append(
            f"| {row['key'].removeprefix(prefix)} | {row['parameters']:,} "
            f"| {v['quality']:.4f} / {v['category_match']:.2f} / {v['tool_match']:.2f} "
            f"| {row['training'] - v['quality']:+.4f} | {' | '.join(cells)} "
            f"| {row['best_epoch']} of {row['epochs']} | {row['cpu_seconds']:.0f} "
            f"({row['epoch_cpu']:.2f}) | {', '.join(row['red_flags']) or 'none'} "
            f"| {row['commit']} |"
        )
    return "\n".join(lines)


def _splits(some: list[Row]) -> str:
    lines = [f"### {len(some)} random 80/20 splits of the shipped scenarios, compact\n"]
    lines += ["| metric | mean | least | standard error |", "|---|---|---|---|"]
    for metric in ("category_match", "tool_match", "quality", "reward_share"):
        values = np.array([row["validation"][metric] for row in some])
        if len(values) > 1:
            error = values.std(ddof=1) / np.sqrt(len(values))
            lines.append(f"| {metric} | {values.mean():.4f} | {values.min():.4f} | {error:.4f} |")
    return "\n".join(lines)


def _rivals(row: Row) -> str:
    names = list(row["model"])
    title = f"### Against the baselines, {FRESH:,} fresh scenarios: {row['key'].split('/')[1]}\n"
    lines = [title, "| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for who, metrics in {"the model": row["model"], **row["baselines"]}.items():
        cells = [f"{a:.4f} ({b:.4f} .. {c:.4f})" for a, b, c in metrics.values()]
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _ablations(some: list[Row]) -> str:
    lines = [
        "### Ablations, compact, fresh scenarios, mean of the seeds\n",
        "| variant | seeds | " + " | ".join(SHOWN) + " | reward_ece |",
        "|---" * (len(SHOWN) + 3) + "|",
    ]
    for name in ABLATIONS:
        mine = [row for row in some if row["key"].startswith(f"ablation/{name}/")]
        if mine:
            means = [
                np.mean([row["fresh"][metric][0] for row in mine])
                for metric in (*SHOWN, "reward_ece")
            ]
            cells = " | ".join(f"{mean:.4f}" for mean in means)
            lines.append(f"| {name} | {len(mine)} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(PARTS), help="measure this part only")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="print the tables, measure nothing")
    options = parser.parse_args()
    if not options.table:
        for name, part in PARTS.items():
            if options.only in (None, name):
                part(options.seeds)
    print(markdown())


if __name__ == "__main__":
    main()

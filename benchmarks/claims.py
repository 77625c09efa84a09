"""Measure what is said of training tricks: one row a claim, at least three seeds each.

    python -m benchmarks.claims            # go on with the grid
    python -m benchmarks.claims --only onecycle --seeds 5

The claims stand in claims.toml. Each seed trains the baseline and every variant on one split; the
interval of the relative change resamples users and seeds. Finished runs are not repeated.
"""

import argparse
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ground import ground
from benchmarks.record import RESULTS, Row, append, done, rows
from cinesync.settings import resolve
from cinesync.training import train
from reccore.config import merge, parse_assignments
from reccore.metrics.evaluate import Evaluation

NAME = "claims"
LISTED = Path(__file__).with_name("claims.toml")
RATINGS = {"rmse", "mae", "mse"}


def claims() -> list[dict[str, Any]]:
    return tomllib.loads(LISTED.read_text(encoding="utf-8"))["claim"]


def measure(claim: dict[str, Any], variant: str, changes: list[str], seed: int) -> None:
    """One training; its figures as a row, its per-user values beside it for pairing."""
    key = f"{claim['name']}/{variant}/{seed}"
    if done(NAME, key):
        return
    pinned = {"split": {"seed": 0, **claim.get("split", {})}, "evaluate": {"bootstrap": 0}}
    given = [*claim.get("set", []), *changes]
    settings = resolve(
        claim["model"],
        seed=seed,
        preset=claim.get("presets", {}).get(variant, claim.get("preset")),
        changes=merge(ground(claim), pinned, parse_assignments(given)),
    )
    with tempfile.TemporaryDirectory() as scratch:
        began, cpu = time.perf_counter(), time.process_time()
        run, evaluation = train(settings, out=Path(scratch) / "run")
        append(
            NAME,
            key,
            metric=claim["metric"],
            value=evaluation.values()[claim["metric"]],
            epochs=run.manifest["training"].get("epochs"),
            seconds=round(time.perf_counter() - began, 2),
            cpu_seconds=round(time.process_time() - cpu, 2),
            data_fingerprint=run.manifest["data_fingerprint"],
            settings=given,
        )
    per_user = _per_user(evaluation, claim["metric"])
    (RESULTS / NAME).mkdir(parents=True, exist_ok=True)
    np.savez_compressed(_file(key), per_user=per_user)


def baseline_of(claim: dict[str, Any]) -> str:
    """Whose baseline it is measured against: its own, or that of an earlier claim, run once."""
    return str(claim.get("baseline", claim["name"]))


def _file(key: str) -> Path:
    return RESULTS / NAME / (key.replace("/", "__").replace(" ", "-") + ".npz")


def _per_user(evaluation: Evaluation, metric: str) -> np.ndarray:
    """[U, 2]: sums and counts, so that RMSE resamples users as rightly as a mean does."""
    if metric not in RATINGS:
        values = evaluation.per_user[metric]
        return np.column_stack([values, np.ones_like(values)]).astype(np.float32)
    assert evaluation.ratings is not None
    errors = evaluation.ratings
    summed = errors.absolute if metric == "mae" else errors.squared
    return np.column_stack([summed, errors.counts]).astype(np.float32)


def change(
    claim: dict[str, Any], variant: str, resamples: int = 2000
) -> tuple[float, float, float]:
    """Relative change of the metric against the baseline, with its 95% interval."""
    seeds = [s for s in range(100) if _file(f"{claim['name']}/{variant}/{s}").exists()]
    pairs = [
        (
            np.load(_file(f"{baseline_of(claim)}/baseline/{s}"))["per_user"],
            np.load(_file(f"{claim['name']}/{variant}/{s}"))["per_user"],
        )
        for s in seeds
    ]
    base, other = (
        np.stack(side).astype(np.float64) for side in zip(*pairs, strict=True)
    )  # [S,U,2]
    root = claim["metric"] == "rmse"

    def score(sums: np.ndarray) -> np.ndarray:
        mean = sums[..., 0] / sums[..., 1]
        return np.sqrt(mean) if root else mean

    def relative(picked: np.ndarray, users: np.ndarray) -> float:
        before, after = (
            score((side[picked] * users[None, :, None]).sum(axis=1)).mean()
            for side in (base, other)
        )
        return float(after / before - 1)

    rng = np.random.default_rng(0)
    n_seeds, n_users = base.shape[:2]
    draws = [
        relative(
            rng.integers(n_seeds, size=n_seeds),
            rng.multinomial(n_users, np.full(n_users, 1 / n_users)),
        )
        for _ in range(resamples)
    ]
    whole = relative(np.arange(n_seeds), np.ones(n_users))
    low, high = np.percentile(draws, [2.5, 97.5])
    return whole, float(low), float(high)


def table() -> str:
    """The claims table in Markdown, from the rows measured so far."""
    measured = rows(NAME)
    lines = [
        "| claim | said | on | variant | seeds | metric | baseline | variant's "
        "| change (95%) | CPU time | default |",
        "|---" * 11 + "|",
    ]
    for claim in claims():
        for variant in claim["variants"]:
            mine = _of(measured, claim["name"], variant)
            theirs = _of(measured, baseline_of(claim), "baseline")
            if not mine or len(mine) > len(theirs):
                continue
            whole, low, high = change(claim, variant)
            cost = sum(r["cpu_seconds"] for r in mine) / sum(r["cpu_seconds"] for r in theirs)
            lines.append(
                f"| {claim['title']} | {claim['said']} "
                f"| {claim['model']}, {claim.get('on') or claim['data']} "
                f"| {variant} | {len(mine)} | {claim['metric']} "
                f"| {_mean(theirs):.4f} | {_mean(mine):.4f} "
                f"| {whole:+.1%} ({low:+.1%} .. {high:+.1%}) | {cost:.2f}x | {claim['default']} |"
            )
    return "\n".join(lines)


def _of(measured: list[Row], claim: str, variant: str) -> list[Row]:
    return [row for row in measured if row["key"].startswith(f"{claim}/{variant}/")]


def _mean(some: list[Row]) -> float:
    return float(np.mean([row["value"] for row in some]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="measure claims whose name begins so")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", action="store_true", help="print the table, measure nothing")
    options = parser.parse_args()
    if not options.table:
        for seed in range(options.seeds):
            for claim in claims():
                if claim["name"].startswith(options.only):
                    own = {} if "baseline" in claim else {"baseline": []}
                    for variant, changes in {**own, **claim["variants"]}.items():
                        print(f"{claim['name']}/{variant}/{seed}", flush=True)
                        measure(claim, variant, changes, seed)
    print(table())


if __name__ == "__main__":
    main()

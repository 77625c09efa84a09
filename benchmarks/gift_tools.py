"""How long the five tools take together, through the runner, over written snapshots.

    python -m benchmarks.gift_tools

45 gifts, all asked about; 100,000 gifts, 50 drawn anew for every run, so that nothing about them is
remembered. The garbage collector's standing objects are frozen, as a server does when it is ready.
"""

import argparse
import asyncio
import gc
import os
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import append, rows
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.sources.generated import generated
from giftrec.catalog.world import AS_OF
from giftrec.catalog.writing import write_snapshot
from giftrec.money import Money
from giftrec.tools.budget import BudgetRequest
from giftrec.tools.prices import PriceRequest
from giftrec.tools.provider import SnapshotProvider
from giftrec.tools.results import Request
from giftrec.tools.reviews import ReviewRequest
from giftrec.tools.runner import Limits, Runner
from giftrec.tools.stock import StockRequest
from giftrec.tools.trends import TrendRequest

NAME = "gift_tools"
RUNS = 200
ASKED = 50
PATIENT = Limits(deadline_s=30)


def requests(gifts: tuple[str, ...], draw: np.random.Generator) -> dict[str, Request]:
    on = AS_OF + timedelta(days=1)
    return {
        "price_comparison": PriceRequest(gifts=gifts, on=on, currency="EUR"),
        "review_analysis": ReviewRequest(gifts=gifts, on=on),
        "inventory_check": StockRequest(gifts=gifts, on=on, needed_by=on + timedelta(days=5)),
        "trend_analyzer": TrendRequest(gifts=gifts, on=on),
        "budget_optimizer": BudgetRequest(
            gifts=gifts,
            on=on,
            values=tuple(draw.random(len(gifts)).tolist()),
            budget=Money(minor=8000, currency="EUR"),
            most=3,
            more=Money(minor=1500, currency="EUR"),
        ),
    }


def measure(count: int | None) -> None:
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gifts.duckdb"
        tables, facts = generated(count)
        write_snapshot(path, tables, facts)
        del tables
        gc.collect()
        began = time.perf_counter()
        with Snapshot.open(path) as snapshot:
            provider = SnapshotProvider(snapshot).prepare()
            prepared = time.perf_counter() - began
            ids = snapshot.ids
            runner = Runner(provider, limits=PATIENT)
            asked = ASKED if len(ids) > ASKED else len(ids)
            began = time.perf_counter()
            runner.warm(requests(tuple(draw.choice(ids, asked, replace=False).tolist()), draw))
            first = time.perf_counter() - began
            gc.collect()
            gc.freeze()
            ms, cpu, late = asyncio.run(_runs(runner, ids, asked, draw))
            gc.disable()
            without, _, _ = asyncio.run(_runs(runner, ids, asked, draw))
            gc.enable()
            gc.unfreeze()
            alone = _alone(runner, ids, asked, draw)
            runner.close()
    append(
        NAME,
        f"{len(ids)} gifts, {asked} asked",
        prepare_s=prepared,
        first_ms=1000 * first,
        p50_ms=float(np.median(ms)),
        p99_ms=float(np.quantile(ms, 0.99)),
        p99_without_collector_ms=float(np.quantile(without, 0.99)),
        cpu_ms=float(np.median(cpu)),
        late=late,
        runs=RUNS,
        load=os.getloadavg()[0],
        alone_ms=alone,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


async def _runs(
    runner: Runner, ids: list[str], asked: int, draw: np.random.Generator
) -> tuple[list[float], list[float], int]:
    """Wall and processor milliseconds of whole runs, in one event loop as in a server, and how
    many of them were degraded by the tools' own limits."""
    wall, cpu, late = [], [], 0
    for _ in range(RUNS):
        some = requests(tuple(draw.choice(ids, asked, replace=False).tolist()), draw)
        began, used = time.perf_counter(), time.process_time()
        done = await runner.run(some)
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - used))
        late += any(envelope.status != "ok" for envelope in done.envelopes.values())
    return wall, cpu, late


def _alone(runner: Runner, ids: list[str], asked: int, draw: Any) -> dict[str, float]:
    """Each tool by itself, without the runner: median ms."""
    found: dict[str, list[float]] = {}
    for _ in range(30):
        some = tuple(draw.choice(ids, asked, replace=False).tolist())
        for name, request in requests(some, draw).items():
            began = time.perf_counter()
            runner.tools[name].answer(request, runner.provider)
            found.setdefault(name, []).append(1000 * (time.perf_counter() - began))
    return {name: float(np.median(ms)) for name, ms in found.items()}


def markdown() -> str:
    newest = {row["key"]: row for row in rows(NAME)}
    head = ("", "prepared in", "first run", "p50", "p99", "p99, no collector", "CPU p50", "late")
    lines = [f"| {' | '.join(head)} | each tool alone |", "|---" * (len(head) + 1) + "|"]
    for key, row in newest.items():
        alone = ", ".join(f"{name} {ms:.2f}" for name, ms in row["alone_ms"].items())
        lines.append(
            f"| {key} | {row['prepare_s']:.2f} s | {row['first_ms']:.0f} ms "
            f"| {row['p50_ms']:.1f} ms | {row['p99_ms']:.1f} ms "
            f"| {row['p99_without_collector_ms']:.1f} ms "
            f"| {row['cpu_ms']:.1f} ms | {row['late']} of {row['runs']} | {alone} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the table, measure nothing")
    options = parser.parse_args()
    if not options.table:
        measure(None)
        measure(100_000)
    print(markdown())


if __name__ == "__main__":
    main()

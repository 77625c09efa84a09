"""Benchmark rows: appended as they are measured, so that an interrupted grid goes on next time.

A row names what was run (`key`), what came out, and what it stands on: commit, machine, versions.
"""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reccore.run import git_commit, package_version

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]


def data_root() -> Path:
    """Where the real data sets lie: GIFTREC_DATA, or ../shared/data beside the checkout."""
    root = Path(__file__).parent.parent
    return Path(os.environ.get("GIFTREC_DATA", root.parent / "shared" / "data"))


def rows(name: str) -> list[Row]:
    file = RESULTS / f"{name}.jsonl"
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def done(name: str, key: str) -> bool:
    return any(row["key"] == key for row in rows(name))


def append(name: str, key: str, **figures: Any) -> Row:
    row = {
        "key": key,
        **figures,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git_commit(Path(__file__).parent),
        "version": package_version(),
        "machine": machine(),
    }
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{name}.jsonl").open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(row) + "\n")
    return row


def machine() -> str:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].split(":", 1)[1].strip() if models else cpu
    return f"{os.cpu_count()} cores, {cpu}, Python {platform.python_version()}"

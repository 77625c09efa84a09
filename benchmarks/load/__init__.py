"""A load generator cheap enough to share two cores with the server it measures.

    python -m benchmarks.load URL --body FILE.jsonl --rate 250 --seconds 60 --connections 64
    python -m benchmarks.load --ceiling

It speaks to this machine only: it is a test tool.
"""

from benchmarks.load.plan import Plan
from benchmarks.load.requests import request, target, zipf
from benchmarks.load.result import Acted, Result, Samples, quantiles, rounded
from benchmarks.load.run import run
from benchmarks.load.watch import Use

__all__ = [
    "Acted",
    "Plan",
    "Result",
    "Samples",
    "Use",
    "quantiles",
    "request",
    "rounded",
    "run",
    "target",
    "zipf",
]

"""The model card: what a bundle is for, what it learned from, how good it is and for whom."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reccore.files import write_atomic

NAME = "card.md"
LEADING = ("ndcg@10", "hit@10", "recall@20", "coverage@10", "diversity@10", "rmse", "mae")


def write(folder: Path, facts: Mapping[str, Any]) -> None:
    write_atomic(folder / NAME, text(facts))


def text(facts: Mapping[str, Any]) -> str:
    """Markdown, from facts alone (Mitchell et al. 2019)."""
    lines = [
        f"# {facts['model']} on {facts['data']}",
        "",
        "## Intended use",
        f"{facts.get('intended_use', 'Ranking items for people by what they have met before.')}",
        "",
        "## Data",
        f"{facts['data']} (fingerprint {facts['data_fingerprint']}), "
        f"licence: {facts.get('data_licence') or 'not stated'}. "
        f"Fitted on {facts.get('fitted_on', 'train')}.",
        "",
        "## Limits",
        "It knows only the items it lists. It repeats the tastes, gaps and biases of its data; "
        "popular items and frequent users are served better (see the groups below). Figures hold "
        "for people like those of the data.",
    ]
    evaluation = facts.get("evaluation") or {}
    metrics = evaluation.get("metrics", {})
    if metrics:
        part = evaluation.get("part", "test")
        lines += ["", f"## Metrics ({part}, 95% intervals)", "", "| metric | value | interval |"]
        lines += ["|---|---|---|"]
        ordered = [name for name in LEADING if name in metrics]
        lines += [_row(name, metrics[name]) for name in ordered or metrics]
    groups = evaluation.get("groups", {})
    if groups:
        lines += [
            "",
            "## By group",
            "",
            "| group | metric | value | interval |",
            "|---|---|---|---|",
        ]
        for group, table in groups.items():
            shown = [name for name in LEADING if name in table] or list(table)[:2]
            lines += [f"| {group} {_row(name, table[name])}" for name in shown]
    made = f"giftrec {facts['package_version']}, commit {facts.get('git_commit')}"
    return "\n".join([*lines, "", "## Made", f"{facts['created']} by {made}.", ""])


def _row(name: str, metric: Mapping[str, Any]) -> str:
    low, high = metric.get("low"), metric.get("high")
    interval = "" if low is None or high is None else f"{low:.4f} .. {high:.4f}"
    return f"| {name} | {metric['value']:.4f} | {interval} |"

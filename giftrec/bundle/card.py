"""The model card: what a gift bundle is for, what it learned from, and how good it is."""

from collections.abc import Mapping
from typing import Any

from giftrec.report import MEANINGS
from giftrec.show import LEADING

NAME = "card.md"


def text(facts: Mapping[str, Any]) -> str:
    """Markdown, from facts alone (Mitchell et al. 2019)."""
    evaluation = facts["evaluation"]
    metrics = evaluation["metrics"]
    return "\n".join(
        [
            f"# giftrec {facts['model']}",
            "",
            "## Intended use",
            "Choosing a few gifts for one recipient, with reasons. It advises a giver; it is not "
            "made to set prices, to profile people, or to decide anything about them.",
            "",
            "## Data",
            f"{facts['data']} (fingerprint {facts['data_fingerprint']}): simulated recipients. No "
            "person's data is in it.",
            "",
            "## Limits",
            f"Figures are measured against the simulator and its {facts['gifts']} gifts, not "
            "against people. Gifts may be exchanged without training; hobbies, preferences, "
            "relationships, occasions and categories are those of `vocabulary.toml` alone. It "
            "repeats what its scenarios hold of ages and relationships: `giftrec test-best` shows "
            "what each group is given.",
            "",
            f"## Metrics ({evaluation['part']} scenarios, 95% intervals)",
            "",
            "| metric | value | interval | what it says |",
            "|---|---|---|---|",
            *(_row(name, metrics[name]) for name in LEADING if name in metrics),
            "",
            "## Made",
            f"{facts['created']} by giftrec {facts['package_version']}, commit "
            f"{facts['git_commit']}, from a run of seed {facts['seed']}, commit "
            f"{facts['run_git_commit']}.",
            "",
        ]
    )


def _row(name: str, metric: Mapping[str, Any]) -> str:
    low, high = metric.get("low"), metric.get("high")
    interval = "" if low is None or high is None else f"{low:.4f} .. {high:.4f}"
    return f"| {name} | {metric['value']:.4f} | {interval} | {MEANINGS.get(name, '')} |"

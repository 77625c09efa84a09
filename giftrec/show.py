"""Results of the gift commands on the terminal: tables for people, JSON for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from reccore.files import write_atomic
from reccore.metrics.intervals import Metric
from reccore.show import Plain

if TYPE_CHECKING:  # these bring torch
    from giftrec.recommend import Answer
    from giftrec.runs import Run
    from giftrec.testing import Tested

LEADING = (
    "quality",
    "category_match",
    "category_f1",
    "tool_match",
    "tool_f1",
    "tool_regret",
    "reward_share",
    "reward_ece",
    "reward_rmse",
    "diversity",
    "budget_violations",
    "over_budget_today",
    "generalisation_gap",
)


class Show(Plain):
    """What is shown of trainings, tests, scenarios and answers."""

    def say(self, what: str) -> None:
        """Progress of long work, on stderr, where somebody watches."""
        if self.progress.is_terminal:
            self.progress.print(f"[dim]{what} ...[/dim]")

    def write_json(self, path: Path, content: Any) -> None:
        write_atomic(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def facts(self, title: str, facts: Mapping[str, Any]) -> None:
        if self.as_json:
            return self.json(facts)
        self.console.print(title, soft_wrap=True)
        for name, value in facts.items():
            shown = value
            if isinstance(value, Mapping):
                shown = ", ".join(f"{k} {_short(v)}" for k, v in value.items())
            self.console.print(f"  {name}: {_short(shown)}", soft_wrap=True, highlight=False)

    def trained(self, run: "Run") -> None:
        found = run.manifest["evaluation"]
        if self.as_json:
            names = ("model", "seed", "data_fingerprint", "parameters", "training", "git_commit")
            facts = {name: run.manifest[name] for name in names}
            return self.json({"run": str(run.path), **facts, "validation": found})
        metrics = {name: Metric(**m) for name, m in found.items() if isinstance(m, Mapping)}
        self.console.print(
            f"giftrec {run.settings.preset}, {run.manifest['parameters']:,} parameters, seed "
            f"{run.settings.seed}, data {run.manifest['data_fingerprint']}"
        )
        table = Table(title="Validation scenarios", title_justify="left")
        for column in ("metric", "value", "95% interval"):
            table.add_column(column, justify="left" if column == "metric" else "right")
        for name in LEADING:
            if name in metrics:
                table.add_row(name, f"{metrics[name].value:.4f}", _interval(metrics[name]))
        self.console.print(table)
        self.console.print(f"run: {run.path}  (next: giftrec test-best {run.path})", soft_wrap=True)

    def tested(self, tested: "Tested", page: Path | None) -> None:
        table = Table(title=f"{tested.run}", title_justify="left")
        columns = ("metric", "validation", "fresh", "95% interval", "best baseline (fresh)")
        for column in columns:
            table.add_column(column, justify="left" if column == "metric" else "right")
        for name in LEADING:
            fresh = tested.fresh[name]
            table.add_row(
                name,
                f"{tested.validation[name].value:.4f}",
                f"{fresh.value:.4f}",
                _interval(fresh),
                _best_baseline(tested, name),
            )
        self.console.print(table)
        if page is not None:
            self.console.print(f"report: {page}", soft_wrap=True)

    def answer(self, answer: "Answer") -> None:
        if self.as_json:
            return self.json(json.loads(answer.model_dump_json()))
        table = Table()
        for column in ("", "gift", "category", "price", "expected", "why"):
            table.add_column(column)
        for s in answer.suggestions:
            expected = f"{s.expected_satisfaction:.2f}"
            table.add_row(
                str(s.rank), s.title, s.category, str(s.price), expected, "; ".join(s.reasons)
            )
        self.console.print(table)
        self.console.print(f"categories: {', '.join(answer.categories)}")
        self.console.print(f"asked: {', '.join(answer.tools) or 'no tool'}")
        if answer.note:
            self.console.print(f"note: {answer.note}")


LOWER_IS_BETTER = {"tool_regret", "reward_ece", "reward_rmse", "budget_violations"}
UNCOMPARED = {"generalisation_gap", "diversity", "over_budget_today"}


def _best_baseline(tested: "Tested", metric: str) -> str:
    if metric in UNCOMPARED:
        return ""
    values = {name: parts["fresh"][metric].value for name, parts in tested.baselines.items()}
    choose = min if metric in LOWER_IS_BETTER else max
    name = choose(values, key=lambda n: values[n])
    return f"{values[name]:.4f} ({name})"


def _interval(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return ""
    return f"{metric.low:.4f} .. {metric.high:.4f}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

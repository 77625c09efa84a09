"""`test.html`: one self-contained page on a test of the gift model. No script, nothing loaded.

It answers in this order: how good is the model, is it worth more than doing without it, does it
keep what it promises, where does it fail, and whom does it serve worse.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giftrec.show import LEADING, LOWER_IS_BETTER
from reccore.files import write_atomic
from reccore.metrics.intervals import Metric
from reccore.track.curves import Series, line_chart
from reccore.track.report import fact_list, figure, page, section, table, tiles, with_interval
from reccore.track.style import STYLE

if TYPE_CHECKING:  # brings torch
    from giftrec.testing import Tested

Metrics = Mapping[str, Metric]
Rows = Sequence[Mapping[str, Any]]

MEANINGS = {
    "quality": "mean of category match and reward share",
    "category_match": "an expected category is among the first three",
    "category_f1": "expected categories found, taking as many as are expected",
    "tool_match": "an expected tool is among the first two",
    "tool_f1": "agreement of the tools asked with the expected ones",
    "tool_regret": "missed part of what tools could gain",
    "reward_share": "worth, from random slates (0) to the best (1)",
    "reward_ece": "mean distance of predicted from received",
    "reward_rmse": "typical error of one predicted reward",
    "diversity": "distinct categories of a slate, over its length",
    "budget_violations": "share shown although known over budget",
    "over_budget_today": "share shown over budget at the day's cost",
    "generalisation_gap": "quality in training less quality here",
    "worth": "mean satisfaction with a slate",
}
COMPARED = (
    "quality",
    "category_match",
    "category_f1",
    "tool_match",
    "tool_f1",
    "tool_regret",
    "reward_share",
    "reward_ece",
)
FAIRNESS = (
    "Of best: what the slates were worth, over the worth of the best ones. A whole group getting "
    "one category, or a much lower share of best than the others, is a stereotype showing."
)
WORDS = """
.note { margin-bottom: 12px; max-width: 80ch; }
.explained td:nth-child(2), .explained th:nth-child(2) { text-align: left; white-space: normal; }
.cases { font-size: 13px; }
.cases td, .cases th { vertical-align: top; }
.cases td + td, .cases th + th { padding-left: 14px; }
.cases td:nth-child(5), .cases td:nth-child(6) { min-width: 150px; }
.cases td:nth-child(n+5), .cases th:nth-child(n+5) { text-align: left; white-space: normal; }
.curves { align-items: start; }
"""


def write_test_report(path: Path, tested: "Tested") -> Path:
    """Write the page, whole or not at all."""
    title = f"Test of giftrec {tested.facts['preset']}"
    body = [
        f"<header><h1>{escape(title)}</h1>{_summary(tested)}</header>",
        section("Facts", fact_list(_facts(tested))),
        section("Metrics", _metrics(tested)),
        section("Against baselines", _baselines(tested)),
        section("Reliability", _reliability(tested.reliability)),
        section("Worst cases", _worst(tested.worst)),
        section("Fairness", _fairness(tested.fairness)),
    ]
    write_atomic(path, page(title, body, STYLE + WORDS))
    return path


def _summary(tested: "Tested") -> str:
    leading = ("quality", "category_match", "tool_match", "reward_share")
    shown = {_spaced(name): _value(tested.fresh, name) for name in leading}
    run = {name: tested.facts[name] for name in ("preset", "seed")}
    fresh = figure(tested.facts["scenarios"]["fresh"])
    note = f"On {fresh} fresh scenarios that the model has not seen."
    return _note(note) + tiles(shown | run)


def _facts(tested: "Tested") -> dict[str, str]:
    return {"run": tested.run} | {_spaced(k): _fact(v) for k, v in tested.facts.items()}


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {figure(amount)}" for name, amount in value.items())
    return "-" if value is None else str(value)


def _metrics(tested: "Tested") -> str:
    parts = (tested.train, tested.validation, tested.fresh)
    found = dict.fromkeys(name for part in parts for name in part)
    ordered = dict.fromkeys([*(name for name in LEADING if name in found), *found])
    head = ["metric", "what it says", "train", "validation", "fresh (95% interval)"]
    rows = [
        [
            name,
            MEANINGS.get(name, "") + _direction(name),
            _value(tested.train, name),
            _value(tested.validation, name),
            with_interval(vars(tested.fresh[name]) if name in tested.fresh else None),
        ]
        for name in ordered
    ]
    return _card(table(head, rows), "card explained")


def _direction(metric: str) -> str:
    return "; lower is better" if metric in LOWER_IS_BETTER else ""


def _baselines(tested: "Tested") -> str:
    rivals: dict[str, Metrics] = {
        **{name: parts.get("fresh", {}) for name, parts in tested.baselines.items()},
        "the model": tested.fresh,
    }
    rows = [
        [name, *(_value(metrics, metric) for metric in COMPARED)]
        for name, metrics in rivals.items()
    ]
    best = {
        (row, column)
        for column, metric in enumerate(COMPARED, start=1)
        for row in _best(list(rivals.values()), metric)
    }
    lower = " and ".join(metric for metric in COMPARED if metric in LOWER_IS_BETTER)
    note = f"Fresh scenarios; the best of each column in bold. Lower is better for {lower}."
    return _note(note) + _card(table(["", *COMPARED], rows, bold=best))


def _best(rivals: Sequence[Metrics], metric: str) -> Iterable[int]:
    """Rows that nobody beats on a metric, among those that have it."""
    values = {row: of[metric].value for row, of in enumerate(rivals) if metric in of}
    known = {row: value for row, value in values.items() if math.isfinite(value)}
    if not known:
        return []
    top = (min if metric in LOWER_IS_BETTER else max)(known.values())
    return [row for row, value in known.items() if value == top]


def _reliability(bins: Sequence[Mapping[str, float]]) -> str:
    """Percentages, since the chart counts its x in whole numbers."""
    if not bins:
        return ""
    met = [(round(100 * b["predicted"], 1), 100 * b["received"]) for b in bins]
    lines = [Series("as predicted", ((0.0, 0.0), (100.0, 100.0))), Series("received", tuple(met))]
    chart = line_chart("Reward received (%)", lines, x_label="predicted reward (%)")
    rows = [[figure(b["predicted"]), figure(b["received"]), f"{b['pairs']:,.0f}"] for b in bins]
    note = (
        "Pairs of a recipient and a gift, in bins by predicted reward. Below the line the model "
        "promises too much, above it too little."
    )
    pairs = _card(table(["predicted", "received", "pairs"], rows))
    return _note(note) + f'<div class="curves"><figure class="card">{chart}</figure>{pairs}</div>'


def _worst(cases: Rows) -> str:
    if not cases:
        return ""
    figures = ("lost", "worth", "best")
    lists = ("answered", "expected_categories", "tools", "expected_tools")
    head = ["scenario", *figures, "recipient", *(_spaced(name) for name in lists)]
    rows = [
        [
            case["scenario"],
            *(figure(case[name]) for name in figures),
            case["recipient"],
            *(", ".join(case[name]) or "none" for name in lists),
        ]
        for case in cases
    ]
    note = "The fresh scenarios that lost most against the best slate, which knows every fact."
    return _note(note) + _card(table(head, rows), "card cases")


def _fairness(groups: Mapping[str, Rows]) -> str:
    head = ["group", "most shown", "distinct", "scenarios", "mean price", "worth", "of best"]
    tables = [
        _card(table(head, [_group(row) for row in rows], f"By {_spaced(factor)}"), "card explained")
        for factor, rows in groups.items()
    ]
    return _note(FAIRNESS) + "".join(tables) if tables else ""


def _group(row: Mapping[str, Any]) -> list[str]:
    return [
        row["group"],
        ", ".join(f"{name} {share:.0%}" for name, share in row["categories"].items()),
        figure(row["distinct_categories"]),
        figure(row["scenarios"]),
        f"{row['mean_price']:,.2f}",
        figure(row["worth"]),
        figure(row["of_best"]),
    ]


def _value(metrics: Metrics, name: str) -> str:
    return figure(metrics[name].value) if name in metrics else ""


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _card(content: str, kind: str = "card") -> str:
    return f'<div class="{kind}">{content}</div>'

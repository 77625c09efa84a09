"""`report.html`: one self-contained page on a training. It loads nothing and runs no script.

Its pieces (page, section, tiles, facts, table) are public: other pages look and behave the same.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from reccore.files import write_atomic
from reccore.track.curves import Series, line_chart
from reccore.track.style import STYLE
from reccore.track.tracker import Record

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_report(
    run_path: Path,
    title: str,
    facts: Mapping[str, str],
    history: Sequence[Record],
    evaluation: Mapping[str, Any] | None = None,
    flags: Sequence[Mapping[str, Any]] | None = None,
) -> Path:
    """Write the page into the run's folder, whole or not at all.

    `evaluation` is the tree of `Evaluation.to_json()`: users, metrics, groups. `flags` are
    `{name, colour, message, epoch}`; by default those that the history's records carry.
    """
    if flags is None:
        flags = [
            {"epoch": record.get("epoch"), **flag}
            for record in history
            for flag in record.get("flags", ())
        ]
    body = [
        f"<header><h1>{escape(title)}</h1>{_summary(history, flags)}</header>",
        section("Facts", fact_list(facts)),
        section("Results", _results(evaluation or {})),
        section("Health", _flags(flags) if history else ""),
        section("Curves", _curves(history)),
        section("Epochs", _epochs(history)),
    ]
    path = run_path / "report.html"
    write_atomic(path, page(title, body))
    return path


def page(title: str, body: Iterable[str], style: str = STYLE) -> str:
    """A whole document around sections that are already HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def charts(history: Sequence[Record]) -> list[str]:
    """Every curve the records hold, the important ones first."""
    best = next((r.get("epoch") for r in reversed(history) if r.get("best")), None)
    keys = list(dict.fromkeys(key for record in history for key in record))

    def chart(name: str, wanted: Sequence[str], strip: str = "", log: bool = False) -> str:
        series = [_series(history, key, key.removeprefix(strip)) for key in wanted if key in keys]
        return line_chart(name, series, mark=best, log=log)

    def under(prefix: str) -> list[str]:
        return [key for key in keys if key.startswith(prefix)]

    drawn = [chart("Loss", ["loss", "val_loss"])]
    if len(under("loss/")) > 1:
        drawn.append(chart("Loss terms", under("loss/"), "loss/"))
    families = dict.fromkeys(key.split("@")[0] for key in under("val/"))
    for family in families:  # ndcg@10 and ndcg@20 share a scale, ndcg and rmse do not
        wanted = [key for key in under("val/") if key.split("@")[0] == family]
        drawn.append(chart(f"Validation {family.removeprefix('val/')}", wanted, "val/"))
    norms = [n for key in ("grad_norm", "grad_norm_max") for _, n in _series(history, key).known]
    wide = bool(norms) and min(norms) > 0 and max(norms) > 30 * min(norms)
    name = f"Gradient norm{' (log scale)' if wide else ''}"
    drawn.append(chart(name, ["grad_norm", "grad_norm_max"], log=wide))
    drawn.append(chart("Learning rate", under("lr/"), "lr/"))
    if len(under("balance/")) > 1:
        drawn.append(chart("Share of each loss term", under("balance/"), "balance/"))
    if any(len({r[key] for r in history if key in r}) > 1 for key in under("weight/")):
        drawn.append(chart("Weight of each loss term", under("weight/"), "weight/"))
    drawn.extend(chart(key.removeprefix("stat/"), [key], "stat/") for key in under("stat/"))
    drawn.append(chart("Seconds an epoch", ["seconds", "cpu_seconds", "evaluate_seconds"]))
    drawn.append(chart("Memory (MB)", ["memory_mb"]))
    if any(record.get("bad_steps") for record in history):
        drawn.append(chart("Skipped steps", ["bad_steps"]))
    return [one for one in drawn if one]


NAMES = {
    "loss": "training",
    "val_loss": "validation",
    "grad_norm": "mean",
    "grad_norm_max": "largest",
    "seconds": "training",
    "cpu_seconds": "training, all cores",
    "evaluate_seconds": "evaluation",
    "memory_mb": "Memory (MB)",
    "bad_steps": "Skipped steps",
}


def _series(history: Sequence[Record], key: str, name: str = "") -> Series:
    points = [(float(r["epoch"]), r.get(key)) for r in history if "epoch" in r]
    if key.startswith("val"):  # evaluated every few epochs: the line joins what was evaluated
        points = [(x, y) for x, y in points if y is not None]
    return Series(NAMES.get(key, name), tuple(points))


def section(name: str, content: str) -> str:
    """A part of the page under its heading; nothing where it would be empty."""
    return f"<section><h2>{name}</h2>{content}</section>" if content else ""


def _summary(history: Sequence[Record], flags: Sequence[Mapping[str, Any]]) -> str:
    if not history:
        return "<p>Computed in one piece: no epochs.</p>"
    best = next((r.get("epoch") for r in reversed(history) if r.get("best")), "-")
    seconds = sum((r.get("seconds") or 0) + (r.get("evaluate_seconds") or 0) for r in history)
    shown: dict[str, Any] = {
        "epochs": history[-1].get("epoch", len(history)),
        "best epoch": best,
        "training loss": figure(history[-1].get("loss")),
        "time": f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min",
        "red flags": sum(flag["colour"] == "red" for flag in flags),
    }
    return tiles(shown)


def tiles(figures: Mapping[str, Any]) -> str:
    """The few figures a reader came for."""
    return f'<dl class="tiles">{_pairs(figures)}</dl>'


def fact_list(facts: Mapping[str, Any]) -> str:
    """Names and values, in columns; without any, nothing."""
    return f'<dl class="facts">{_pairs(facts)}</dl>' if facts else ""


def _pairs(values: Mapping[str, Any]) -> str:
    return "".join(
        f"<div><dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd></div>" for k, v in values.items()
    )


def _results(evaluation: Mapping[str, Any]) -> str:
    metrics, groups = evaluation.get("metrics", {}), evaluation.get("groups", {})
    cards = []
    if metrics:
        rows = [[name, figure(m["value"]), _interval(m)] for name, m in metrics.items()]
        users, head = evaluation.get("users"), ["metric", "value", "95% interval"]
        caption = "Held-out users" if users is None else f"{users:,} held-out users"
        cards.append(f'<div class="card">{table(head, rows, caption)}</div>')
    if groups:
        names = dict.fromkeys(name for group in groups.values() for name in group)
        rows = [
            [name, *(with_interval(group.get(name)) for group in groups.values())] for name in names
        ]
        by_group = table(["metric", *groups], rows, "By group")
        cards.append(f'<div class="card groups">{by_group}</div>')
    return "".join(cards)


def _interval(metric: Mapping[str, float | None]) -> str:
    low, high = metric.get("low"), metric.get("high")
    return "" if low is None or high is None else f"{figure(low)} to {figure(high)}"


def with_interval(metric: Mapping[str, float | None] | None) -> str:
    """A metric and its 95% interval in one cell."""
    if metric is None:
        return ""
    interval = _interval(metric).replace(" ", "\N{NO-BREAK SPACE}")
    return figure(metric["value"]) + (f" ({interval})" if interval else "")


def _flags(flags: Sequence[Mapping[str, Any]]) -> str:
    if not flags:
        return "<p>No flag was raised.</p>"
    rows = "".join(
        f'<li><span class="flag {escape(str(flag["colour"]))}">{escape(str(flag["colour"]))}'
        f'</span><span class="when">epoch {escape(str(flag.get("epoch", "-")))}</span>'
        f"<span><b>{escape(str(flag['name']).replace('_', ' '))}</b> "
        f"{escape(str(flag['message']))}</span></li>"
        for flag in flags
    )
    return f'<ul class="flags card">{rows}</ul>'


def _curves(history: Sequence[Record]) -> str:
    figures = "".join(f'<figure class="card">{chart}</figure>' for chart in charts(history))
    return f'<div class="curves">{figures}</div>' if figures else ""


def _epochs(history: Sequence[Record]) -> str:
    """The numbers behind the curves."""
    if not history:
        return ""
    keys = dict.fromkeys(k for r in history for k, v in r.items() if isinstance(v, int | float))
    rows = [[figure(r.get(key)) for key in keys] for r in history]
    return (
        f"<details><summary>The numbers behind the curves</summary>"
        f'<div class="card wide">{table(list(keys), rows)}</div></details>'
    )


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str = "",
    bold: Collection[tuple[int, int]] = (),
) -> str:
    """A table of text; `bold` are the (row, column) to point out."""

    def cell(text: str, at: tuple[int, int]) -> str:
        return f"<td><b>{escape(text)}</b></td>" if at in bold else f"<td>{escape(text)}</td>"

    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(cell(text, (r, c)) for c, text in enumerate(row)) + "</tr>"
        for r, row in enumerate(rows)
    )
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{above}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def figure(value: Any) -> str:
    """A number as a reader wants it: four digits, thousands apart, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int):
        return f"{value:,}"
    number = float(value)
    if not math.isfinite(number):
        return str(number)
    return f"{number:.4f}" if 1e-3 <= abs(number) < 1e3 else f"{number:.4g}"

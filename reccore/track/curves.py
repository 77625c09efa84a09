"""Line charts as inline SVG: no plotting library, no script, right in light and dark.

Colours are CSS variables with fallbacks, so that a chart takes the theme of its page and still
stands alone. Readers of the screen get a title and a description in words.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 480, 290
LEFT, RIGHT, BOTTOM = 58, 16, 40
FALLBACKS = ("#2563c9", "#c2500a", "#1f7a4d", "#8b3fb0", "#b32456", "#0b7285", "#8a6d00", "#5a5f6b")
DASHES = ("", "6 3", "2 3")  # beyond eight series the colours come again, dashed
MOST_POINTS = 300  # longer series get no hover points


@dataclass(frozen=True)
class Series:
    """One line. A missing or non-finite y breaks it."""

    name: str
    points: tuple[tuple[float, float | None], ...]

    @property
    def known(self) -> list[tuple[float, float]]:
        return [(x, y) for x, y in self.points if y is not None and math.isfinite(y)]


def ticks(low: float, high: float, most: int = 5, whole: bool = False) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) that enclose the range."""
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-3):  # flat
        pad = max(abs(low) * 0.05, 1.0 if whole else 1e-6)
        low, high = low - pad, high + pad
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    rounding = 1e-12 * max(abs(low), abs(high)) / step  # in steps
    first, last = math.floor(low / step + rounding), math.ceil(high / step - rounding)
    return [n * step for n in range(first, max(last, first + 1) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten that enclose the range."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**n for n in range(first, max(last, first + 1) + 1)]


def label(value: float, step: float) -> str:
    """A tick's text: as many decimals as the step has."""
    if value == 0:
        return "0"
    if abs(value) >= 1e5 or max(abs(value), step) < 1e-3:
        return re.sub(r"e([+-])0*", r"e\1", f"{value:.3g}").replace("e+", "e")
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str = "epoch",
    mark: float | None = None,
    mark_name: str = "best",
    log: bool = False,
) -> str:
    """One chart; `mark` is an x to point out. Without a single known point, an empty string."""
    series = [one for one in series if one.known]
    if not series:
        return ""
    xs = [x for one in series for x, _ in one.known]
    ys = [y for one in series for _, y in one.known]
    log = log and min(ys) > 0
    y_ticks = decades(min(ys), max(ys)) if log else ticks(min(ys), max(ys))
    named = len(series) == 1 and series[0].name in title
    legend, top = ("", 46) if named else _legend(series)
    x_at = _scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    y_at = _scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, top, log)
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "chart"
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" xmlns="http://www.w3.org/2000/svg" '
        'font-family="inherit" font-size="11">',
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-desc">{escape(describe(series, x_label))}</desc>',
        _text(LEFT - 46, 18, title, "start", "ink", 'font-size="13.5" font-weight="600"'),
        legend,
        *_axes(xs, y_ticks, x_at, y_at, x_label, log),
    ]
    if mark is not None and min(xs) <= mark <= max(xs):
        x = x_at(mark)
        parts.append(_rule(x, top, x, HEIGHT - BOTTOM, "muted", 'stroke-dasharray="3 3"'))
        parts.append(_text(min(x, WIDTH - RIGHT - 8), top - 5, mark_name, "middle", "muted"))
    for index, one in enumerate(series):
        parts.extend(_line(index, one, x_at, y_at, x_label))
    return "".join([*parts, "</svg>"])


def describe(series: Iterable[Series], x_label: str) -> str:
    """The chart in words."""
    said = []
    for one in series:
        (x0, y0), (x1, y1) = one.known[0], one.known[-1]
        low, high = min(y for _, y in one.known), max(y for _, y in one.known)
        said.append(
            f"{one.name}: from {y0:.4g} at {x_label} {x0:g} to {y1:.4g} at {x_label} {x1:g}, "
            f"between {low:.4g} and {high:.4g}."
        )
    return " ".join(said)


Scale = Callable[[float], float]


def _scale(low: float, high: float, start: float, end: float, log: bool = False) -> Scale:
    """From figures to the picture; a single x stands in the middle."""
    at: Scale = math.log10 if log else float
    span = at(high) - at(low)
    return lambda v: start + (end - start) * ((at(v) - at(low)) / span if span else 0.5)


def _colour(index: int) -> str:
    slot = index % len(FALLBACKS)
    return f"var(--series-{slot + 1}, {FALLBACKS[slot]})"


def _text(x: float, y: float, text: str, anchor: str, ink: str, more: str = "") -> str:
    fill = {"ink": "var(--ink, #1a1d23)", "muted": "var(--muted, #6b7280)"}[ink]
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" {more}>'
        f"{escape(text)}</text>"
    )


def _rule(x0: float, y0: float, x1: float, y1: float, ink: str, more: str = "") -> str:
    stroke = {"grid": "var(--grid, #e5e7eb)", "muted": "var(--muted, #6b7280)"}[ink]
    ends = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
    return f'<line {ends} stroke="{stroke}" {more}/>'


def _axes(
    xs: Sequence[float], y_ticks: Sequence[float], x_at: Scale, y_at: Scale, name: str, log: bool
) -> Iterable[str]:
    for tick in y_ticks:
        y = y_at(tick)
        yield _rule(LEFT, y, WIDTH - RIGHT, y, "grid")
        step = tick if log else y_ticks[1] - y_ticks[0]
        yield _text(LEFT - 7, y + 3.8, label(tick, step), "end", "muted")
    bottom = HEIGHT - BOTTOM
    yield _rule(LEFT, bottom, WIDTH - RIGHT, bottom, "muted")
    for tick in ticks(min(xs), max(xs), most=8, whole=True):
        if min(xs) <= tick <= max(xs):
            yield _rule(x_at(tick), bottom, x_at(tick), bottom + 4, "muted")
            yield _text(x_at(tick), bottom + 16, f"{tick:g}", "middle", "muted")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, name, "middle", "muted")


def _legend(series: Sequence[Series]) -> tuple[str, int]:
    """Names beside their lines, in as many rows as they need; and where the plot may begin."""
    parts, x, y = [], LEFT - 46.0, 38.0
    for index, one in enumerate(series):
        width = 36 + 6.4 * len(one.name)
        if x + width > WIDTH and index:
            x, y = LEFT - 46.0, y + 16
        parts.append(
            f'<line x1="{x:.1f}" y1="{y - 4:.1f}" x2="{x + 14:.1f}" y2="{y - 4:.1f}" '
            f'{_stroke(index)} stroke-width="3"/>'
        )
        parts.append(_text(x + 19, y, one.name, "start", "muted"))
        x += width
    return "".join(parts), int(y) + 24


def _stroke(index: int) -> str:
    dash = DASHES[index // len(FALLBACKS) % len(DASHES)]
    return f'stroke="{_colour(index)}"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _line(index: int, one: Series, x_at: Scale, y_at: Scale, x_label: str) -> Iterable[str]:
    path, pen = [], "M"
    for x, y in one.points:
        if y is None or not math.isfinite(y):
            pen = "M"
            continue
        path.append(f"{pen}{x_at(x):.1f} {y_at(y):.1f}")
        pen = "L"
    yield (
        f'<path d="{"".join(path)}" fill="none" {_stroke(index)} stroke-width="2" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )
    x, y = one.known[-1]
    yield f'<circle cx="{x_at(x):.1f}" cy="{y_at(y):.1f}" r="3" fill="{_colour(index)}"/>'
    if len(one.known) <= MOST_POINTS:
        for x, y in one.known:
            tip = escape(f"{one.name}, {x_label} {x:g}: {y:.5g}")
            at = f'cx="{x_at(x):.1f}" cy="{y_at(y):.1f}"'
            yield f'<circle {at} r="6" fill="transparent"><title>{tip}</title></circle>'

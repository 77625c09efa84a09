"""Charts are valid, escaped, accessible SVG whose lines go where the figures say."""

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reccore.track.curves import Series, decades, label, line_chart, ticks

SVG = "{http://www.w3.org/2000/svg}"
figures = st.floats(-1e9, 1e9, allow_subnormal=False)


def series(*values: float | None, name: str = "loss") -> Series:
    return Series(name, tuple((float(i + 1), y) for i, y in enumerate(values)))


def paths(svg: str) -> list[str]:
    return [path.attrib["d"] for path in ET.fromstring(svg).iter(f"{SVG}path")]


@given(figures, figures, st.booleans())
@example(0.0, -2.2624974778001584e-10, True)
def test_ticks_enclose_the_range_and_are_few(a, b, whole):
    low, high = min(a, b), max(a, b)
    marks = ticks(low, high, whole=whole)
    slack = 1e-6 * max(abs(low), abs(high), 1e-6)
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    assert 2 <= len(marks) <= 8
    assert marks == sorted(set(marks))


def test_known_ticks():
    assert ticks(0, 1) == [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
    assert ticks(1, 3, most=8, whole=True) == [1, 2, 3]
    assert decades(0.02, 30) == [0.01, 0.1, 1, 10, 100]


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(0.30000000000000004, 0.1, "0.3"), (0, 1, "0"), (2e-5, 1e-5, "2e-5"), (1e6, 5e5, "1e6")],
)
def test_labels(value, step, text):
    assert label(value, step) == text


@given(st.lists(st.none() | st.floats(-1e6, 1e6, allow_subnormal=False), max_size=30))
def test_any_history_draws_inside_the_picture(values):
    svg = line_chart("Loss", [series(*values)])
    if not any(v is not None for v in values):
        assert svg == ""
        return
    for path in paths(svg):
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path):
            assert 0 <= float(x) <= 480
            assert 0 <= float(y) <= 290


def test_falling_figures_fall_on_the_picture_and_gaps_break_the_line():
    (path,) = paths(line_chart("Loss", [series(3.0, 2.0, math.nan, 1.0)]))
    assert path.count("M") == 2
    heights = [float(y) for y in re.findall(r"[ML]-?[\d.]+ (-?[\d.]+)", path)]
    assert heights == sorted(heights)  # SVG's y grows downwards
    assert len(heights) == 3


def test_text_is_escaped_and_read_out():
    svg = line_chart("<script>", [series(0.5, 0.25, name='a"<b>')], mark=2)
    root = ET.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root.find(f"{SVG}title").text == "<script>"
    desc = root.find(f"{SVG}desc").text
    assert 'a"<b>: from 0.5 at epoch 1 to 0.25 at epoch 2' in desc
    assert "<script>" not in svg
    assert {t.text for t in root.iter(f"{SVG}text")} >= {"<script>", 'a"<b>', "best", "epoch"}


def test_themes_are_variables_and_ten_lines_stay_distinct():
    svg = line_chart("Terms", [series(i, i + 1, name=f"t{i}") for i in range(10)])
    assert "var(--series-1, #" in svg
    strokes = re.findall(r'fill="none" (stroke="[^"]*"(?: stroke-dasharray="[^"]*")?)', svg)
    assert len(set(strokes)) == 10


def test_log_scale_only_for_positive_figures():
    assert ">1e" in line_chart("n", [series(1e-6, 1.0)], log=True)
    assert ">0</text>" in line_chart("n", [series(0.0, 1.0)], log=True)

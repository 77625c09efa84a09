"""RESULTS.md's part on the server is made of rows, of whichever there are."""

from typing import Any

import pytest

from benchmarks.load import Result, Samples, Use
from benchmarks.serving import markdown, table
from benchmarks.serving.measure import Answers
from benchmarks.serving.scenarios import Versions
from benchmarks.serving.worlds import APART, ITEMS


def row(key: str, **more: Any) -> dict[str, Any]:
    samples = Samples()
    for number in range(100):
        samples.add(number / 100, 0.001 * (number + 1), 200 if number < 90 else 429)
    found = Result(
        sent=101,
        answered=100,
        statuses={200: 90, 429: 10},
        errors={"timeout": 1},
        seconds=1.0,
        offered=None,
        connections=16,
        opened=16,
        waited=0,
        generator_cpu_seconds=0.01,
        servers=[Use(1, 0.02, 2**20, 2**21, 2**22, False)],
        lateness={"p50": 0.1, "p99": 0.2, "max": 0.3},
        loop="uvloop",
        exact_clock=True,
        samples=samples,
    )
    return {"key": key, "commit": "abc", **found.to_json(), **more}


def rendered(monkeypatch: pytest.MonkeyPatch, *measured: dict[str, Any]) -> str:
    monkeypatch.setattr(table, "rows", lambda name: list(measured))
    return markdown()


def test_nothing_measured_is_an_empty_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(rendered(monkeypatch).splitlines()) == 2


def test_a_line_holds_the_figures_and_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    text = rendered(monkeypatch, row("uncached/sasrec/250/poisson"))
    line = text.splitlines()[2]
    assert "250 req/s, arrivals by chance | p99 <= 50 ms | 100 |" in line
    assert "50.00 / 99.00 / 100.0" in line
    assert "10 x 429; 1 x timeout" in line
    assert len(line.split("|")) == len(text.splitlines()[0].split("|"))


def test_every_scenario_has_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    ms = {"p50": 0.1, "p99": 0.2, "p99.9": 0.3, "max": 0.4}
    phases = {what: {"degraded": 3, "ms": ms} for what in ("before", "without", "after")}
    acted = [{"name": "activate", "at": 1.0, "took": 0.1, "error": "UserError: no"}]
    text = rendered(
        monkeypatch,
        row("cached/closed", bare=row("bare"), ratio=0.66, users=12_000, said={"made": 5}),
        {"key": "hit", "ms": ms},
        {"key": "ready/100000", "dim": 128, "starts": 5, "seconds": {"median": 2, "most": 2.5}},
        row("swap/200", mixed=0, answers_of_version={"1": 5, "2": 4}) | {"acted": acted},
        row("redis/500", phases=phases),
        row("overload/5x", sustained=row("fine"), sustainable=300.0, accepted_p99_ratio=1.5),
    )
    for words in (
        "ours reaches 66%",
        "p99 0.2000 ms",
        "2.00 s, at most 2.50 s of 5",
        "0 answers mixed versions (version 1: 5, version 2: 4)",
        "UserError: no",
        "without p99 0.2 ms, 3 said to be degraded",
        "1.50x; refused: p99 100.0 ms",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("version", "items", "mixed"),
    [
        ("1.1", [1, ITEMS], 0),
        ("2.1", [APART + 1, APART + ITEMS], 0),
        ("1.1", [1, APART + 1], 1),
        ("2.1", [1], 1),
        ("1.1", [], 1),
    ],
)
def test_an_answer_of_two_versions_is_noticed(version: str, items: list[int], mixed: int) -> None:
    shown = ",".join(f'{{"item":"{item}"}}' for item in items)
    versions = Versions()
    versions(200, f'{{"model_version":"{version}","items":[{shown}]}}'.encode())
    versions(429, b"{}")
    assert versions.mixed == mixed
    assert versions.of == {version[0]: 1}


def test_what_answers_say_is_counted() -> None:
    said = Answers()
    said(200, b'{"cached":null,"degraded":[]}')
    said(200, b'{"cached":"memory","degraded":[{"code":"x"}]}')
    said(429, b"{}")
    assert said.to_json() == {"made": 1, "degraded": 1, "refused": 1}

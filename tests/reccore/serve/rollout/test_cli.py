"""The `rollout` commands: the words, what they print, and their exit codes."""

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

import pytest
import typer

from reccore.bundle.registry import Registry
from reccore.cli import exit_codes
from reccore.serve.cli_rollout import rollout_app
from reccore.show import Plain


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Line:
    app: typer.Typer
    root: str

    def __call__(self, command: str, *words: str) -> Done:
        out, err = io.StringIO(), io.StringIO()
        line = [command, "ranker", *words, "--root", self.root]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = exit_codes(self.app, "rollout", line)
        return Done(code, out.getvalue(), err.getvalue())


@pytest.fixture
def call(registry: Registry) -> Line:
    return Line(rollout_app("films", Plain, registry.prove), str(registry.root))


def test_from_start_to_promotion(call: Line) -> None:
    assert call("status", "--json").json["running"] is False
    started = call("start", "--share", "0.05", "--error-rate", "0.02", "--json").json
    assert (started["version"], started["champion"], started["share"]) == ("3", "2", 0.05)
    assert (started["error_rate"], started["latency_ratio"]) == (0.02, 1.5)
    assert call("share", "0.5", "--json").json["share"] == 0.5
    status = call("status", "--json").json
    assert (status["running"], status["answers"], status["share"]) == (True, "2", 0.5)
    promoted = call("promote", "--json").json
    assert (promoted["champion"], promoted["previous"], promoted["watched"]) == ("3", "2", True)
    assert call("status", "--json").json["running"] is False


def test_stop_is_for_hurried_hands(call: Line) -> None:
    assert call("stop").code == 0, "nothing runs: no error"
    call("start", "1", "--shadow", "1")
    assert "ranker 1 is not tried: looks odd" in call("stop", "--why", "looks odd").out
    assert call("stop", "--json").json["stopped"] == "looks odd"
    refused = call("promote")
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "ranker 1 was stopped: looks odd (start one)" in refused.err


def test_people_read_sentences(call: Line) -> None:
    assert "nothing is being tried" in call("status").out
    assert "ranker 3 is tried on 0.25 of the people" in call("start", "--share", "0.25").out
    assert "ranker 3 is champion" in call("promote", "--no-watch").out
    assert "are watched" in call("watch", "--latency-ms", "80").out
    assert "are not watched" in call("watch", "--off").out


def test_limits_stay_until_others_are_given_and_zero_lifts_them(call: Line) -> None:
    call("start", "--latency-ms", "80", "--least", "50")
    call("stop")
    again = call("start", "--latency-ratio", "0", "--json").json
    assert (again["latency_ms"], again["latency_ratio"], again["least"]) == (80, None, 50)
    call("stop")
    assert call("start", "--latency-ms", "0", "--json").json["latency_ms"] is None


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["start", "--share", "2"], "setting share=2"),
        (["start", "--error-rate", "1"], "setting error_rate=1"),
        (["start", "--least", "0"], "setting least=0"),
        (["start", "2"], "ranker 2 is the champion"),
        (["share", "0.5"], "ranker has no rollout"),
        (["promote"], "ranker has no rollout"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(call: Line, words: list[str], problem: str) -> None:
    done = call(*words)
    assert (done.code, len(done.err.splitlines()), done.out) == (2, 1, "")
    assert problem in done.err

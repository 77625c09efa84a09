"""The command line: it measures, and refuses what it should."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load.__main__ import main


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["load", *words])
    return main()


def test_bodies_of_a_file(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bodies.jsonl"
    file.write_text('{"user": "1"}\n\n{"user": "2"}\n')
    words = ["--body", str(file), "--rate", "50", "--seconds", "0.2", "--header", "X-A: b"]
    assert command(monkeypatch, server.url, *words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["answered"] == found["sent"] == 10
    assert all(b"X-A: b\r\n" in asked for asked in server.asked)
    assert {asked[-13:] for asked in server.asked} == {b'{"user": "1"}', b'{"user": "2"}'}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["http://example.com/"], "not on this machine"),
        (["http://127.0.0.1:1/", "--header", "none"], "no colon"),
        (["http://127.0.0.1:1/", "--seconds", "9999"], "seconds"),
    ],
)
def test_refusals(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command(monkeypatch, *words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "not json\n"])
def test_bodies_must_be_json(
    content: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "bodies.jsonl"
    file.write_text(content)
    assert command(monkeypatch, "http://127.0.0.1:1/", "--body", str(file)) == 2
    assert str(file) in capsys.readouterr().err

"""Lists made beforehand answer as the bundle would, for its own version, until feedback comes."""

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from cinesync.cli import app
from reccore.bundle.bundle import Bundle
from reccore.cli import exit_codes

ASK = "/v1/recommendations"


def call(*words: object) -> int:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return exit_codes(app, "cinesync", [str(word) for word in words])


@pytest.fixture
def lists(models: Path, tmp_path: Path) -> Path:
    path = tmp_path / "lists.duckdb"
    words = ("precompute", "films", "--root", models, "--top", 30)
    settings = ("--set", f"cache.lists={path}", "--set", f"feedback.url={tmp_path}/feedback.sqlite")
    assert call(*words, *settings) == 0
    return path


def test_the_most_active_are_answered_from_the_lists(start: Any, lists: Path, made: Path) -> None:
    bundle = Bundle.open(made / "films" / "1")
    code = int(bundle.seen.lengths.argmax())
    user = str(bundle.users.ids.externals[code])  # type: ignore[union-attr]
    with start() as plain:
        expected = plain.post(ASK, json={"user": user}).json()["items"]
    with start(f"cache.lists={lists}", "cache.memory_mb=0") as client:
        answer = client.post(ASK, json={"user": user}).json()
        assert answer["cached"] == "lists"
        assert answer["items"] == expected
        assert client.post(ASK, json={"user": user, "count": 3}).json()["cached"] is None
        event = {"id": "1", "user": user, "item": expected[0]["item"], "kind": "like"}
        client.post("/v1/feedback", json={"events": [event]})
        after = client.post(ASK, json={"user": user}).json()
        assert after["cached"] is None
        assert expected[0]["item"] not in [one["item"] for one in after["items"]]
        client.post("/v1/admin/activate", json={"version": "2"})
        assert client.post(ASK, json={"user": user}).json()["cached"] is None


def test_lists_need_a_place(models: Path) -> None:
    assert call("precompute", "films", "--root", models) == 2

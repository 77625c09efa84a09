"""`giftrec train --feedback`: from the stores to a run that keeps nobody's wishes."""

import asyncio
import json

import pytest

from giftrec import cli
from giftrec.agent.wish import Wish
from giftrec.kept import Kept, new_id, open_kept
from giftrec.settings import resolve
from giftrec.training import HEARD, resume, train
from reccore.cli import exit_codes
from reccore.errors import UserError
from reccore.serve.feedback import Event, open_store

NOW = 1_700_000_000


@pytest.fixture
def reacted(tmp_path, world, shipped):
    """The address of feedback on forty recommendations, whose store lies beside it."""
    from datetime import date

    gifts = tuple(gift.id for gift in world.gifts[:5])

    async def main():
        made = open_kept(tmp_path / "recommendations.sqlite")
        store = open_store(tmp_path / "feedback.sqlite", tmp_path / "spool")
        for n, scenario in enumerate(shipped[:40]):
            wish = Wish(profile=scenario.profile, on=date(2025, 3, 1))
            one = Kept(new_id(), f"user-{n}", wish, gifts, (), NOW + n)
            await made.save(one)
            await store.add(
                [Event("e", f"user-{n}", gifts[n % 5], "bought", None, NOW + n, one.id)]
            )
        await made.close()
        await store.close()

    asyncio.run(main())
    return str(tmp_path / "feedback.sqlite")


def test_a_run_learns_from_feedback_and_keeps_only_counts(reacted, tmp_path, capsys):
    words = ["train", "--epochs", "1", "--set", "train.evaluate_every=1", "--feedback", reacted]
    assert exit_codes(cli.app, "giftrec", [*words, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().err
    assert "40 events, 40 people: 40 recommendations with 160 comparisons" in said
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["feedback"]["recommendations"] == 40
    assert not (tmp_path / "run" / HEARD).exists()
    for file in (tmp_path / "run").iterdir():
        assert b"user-7" not in file.read_bytes()
        assert reacted.encode() not in file.read_bytes()  # an address may hold a password


def test_kept_without_feedback_and_feedback_with_resume_are_refused(reacted, tmp_path, capsys):
    assert exit_codes(cli.app, "giftrec", ["train", "--kept", "some.sqlite"]) == 2
    words = ["train", "--feedback", reacted, "--resume", str(tmp_path / "run")]
    assert exit_codes(cli.app, "giftrec", words) == 2
    assert "its own feedback" in capsys.readouterr().err


def test_a_resumed_run_needs_what_it_had_heard(reacted, tmp_path, world, monkeypatch):
    from giftrec.learn.gathering import read
    from reccore.errors import InterruptedTrainingError

    heard = read(reacted, None, world).heard
    settings = resolve(0, "compact", {"train": {"epochs": 2, "evaluate_every": 1}})
    monkeypatch.setattr("giftrec.training.fit", _interrupted)
    with pytest.raises(InterruptedTrainingError):
        train(settings, out=tmp_path / "run", heard=heard)
    file = tmp_path / "run" / HEARD
    assert file.exists()
    file.write_text("[]")
    with pytest.raises(UserError, match="has changed"):
        resume(tmp_path / "run")
    file.unlink()
    with pytest.raises(UserError, match="is missing"):
        resume(tmp_path / "run")


def _interrupted(*_, **__):
    raise KeyboardInterrupt

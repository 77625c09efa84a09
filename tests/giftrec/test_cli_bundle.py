"""Bundles on the command line: where a run stood, by the words users type."""

import json
import shutil
from pathlib import Path

import pytest

from giftrec.baselines import BASELINES
from giftrec.catalog.gifts import many_gifts
from giftrec.checkpoints import RELEASED
from giftrec.cli import app
from reccore.cli import exit_codes

SHIPPED = Path(__file__).parents[2] / "checkpoints" / RELEASED
WORDS = {"age": "52", "relationship": "mother", "occasion": "birthday", "budget": "60EUR"}
SOMEONE = ["--json", *(word for name, value in WORDS.items() for word in (f"--{name}", value))]


@pytest.fixture
def call(capsys):
    """Exit code, output and errors of some words."""

    def run(*words):
        code = exit_codes(app, "giftrec", [str(word) for word in words])
        return code, *capsys.readouterr()

    return run


def test_the_shipped_bundle_answers_before_any_training(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, told = call("recommend", *SOMEONE)
    assert (code, told.count("\n")) == (2, 1)
    assert "no finished run" in told
    shutil.copytree(SHIPPED, Path("checkpoints") / RELEASED)
    code, found, told = call("recommend", *SOMEONE)
    assert (code, told) == (0, "no finished run here: the bundle checkpoints/gifts answers\n")
    assert call("recommend", SHIPPED, *SOMEONE) == (0, found, "")


def test_gifts_of_ones_own(call, run, tmp_path):
    """For bundles and for runs."""
    own = many_gifts(60, 1)[45:]
    path = tmp_path / "own.json"
    path.write_text(json.dumps([json.loads(gift.model_dump_json()) for gift in own]))
    for what in (SHIPPED, run.path):
        code, found, _ = call("recommend", what, "--gifts", path, *SOMEONE)
        assert code == 0
        gifts = {s["gift"] for s in json.loads(found)["suggestions"]}
        assert gifts
        assert gifts <= {gift.id for gift in own}
    code, _, told = call("recommend", SHIPPED, "--gifts", tmp_path / "none.json", *SOMEONE)
    assert (code, told) == (2, f"error: no such file: {tmp_path / 'none.json'}\n")


def test_a_bundle_is_tested_as_a_run_is(call, tmp_path, monkeypatch):
    """And stays as it is. Trees take seconds to fit, and are no concern here."""
    monkeypatch.delitem(BASELINES, "boosting")
    bundle = shutil.copytree(SHIPPED, tmp_path / "bundle")
    before = sorted(bundle.rglob("*"))
    code, shown, _ = call("test-best", bundle, "--fresh", "30", "--json", tmp_path / "found.json")
    assert code == 0
    assert "report:" not in shown
    assert sorted(bundle.rglob("*")) == before
    found = json.loads((tmp_path / "found.json").read_text())
    recorded = json.loads((bundle / "manifest.json").read_text())["evaluation"]["metrics"]
    for name in ("quality", "tool_f1", "reward_ece"):
        assert found["validation"][name]["value"] == pytest.approx(
            recorded[name]["value"], abs=1e-4
        )


@pytest.mark.parametrize("what", [SHIPPED, Path("nowhere")])
def test_only_a_run_is_exported(call, what, tmp_path):
    code, _, told = call("export", what, "--out", tmp_path / "out")
    assert (code, told.count("\n")) == (2, 1)
    assert str(what) in told
    assert list(tmp_path.iterdir()) == []

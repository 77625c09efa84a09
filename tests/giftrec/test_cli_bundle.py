"""Bundles on the command line: where a run stood, by the words users type."""

import json
import shutil
from pathlib import Path

import pytest

from giftrec.baselines import BASELINES
from giftrec.checkpoints import RELEASED
from giftrec.cli import app
from reccore.cli import exit_codes

SHIPPED = Path(__file__).parents[2] / "checkpoints" / RELEASED
WORDS = {"age": "52", "relationship": "mother", "occasion": "birthday", "budget": "60EUR"}
SOMEONE = ["--json", "--on", "2026-11-21"]
SOMEONE += [word for name, value in WORDS.items() for word in (f"--{name}", value)]


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
    code, again, told = call("recommend", "--run", SHIPPED, *SOMEONE)
    assert (code, told) == (0, "")
    assert picked(again) == picked(found) != []


def picked(told):
    return [pick["gift"] for pick in json.loads(told)["answers"][0]["reply"]["picks"]]


def test_gifts_of_ones_own(call, run, tmp_path):
    """For bundles and for runs."""
    path, shop = tmp_path / "own.csv", tmp_path / "shop"
    rows = [f"own-{n},Garden tool {n},{10 + n}.00,9,2" for n in range(12)]
    path.write_text("\n".join(["id,title,price,stock,lead_days", *rows]))
    words = ["--currency", "EUR", "--as-of", "2026-11-21", "--category", "outdoor", "--out", shop]
    assert call("catalog", "import", path, *words)[0] == 0
    for what in (SHIPPED, run.path):
        code, found, told = call("recommend", "--run", what, "--catalog", shop, *SOMEONE)
        assert code == 0, told
        gifts = picked(found)
        assert gifts
        assert all(gift.startswith("own-") for gift in gifts)


def test_a_bundle_is_tested_as_a_run_is(call, run, tmp_path, monkeypatch):
    """And stays as it is. Trees take seconds to fit, and are no concern here."""
    monkeypatch.delitem(BASELINES, "boosting")
    bundle = tmp_path / "bundle"
    monkeypatch.chdir(Path(run.settings.data.scenarios).parent)  # it names its files, not places
    assert call("export", run.path, "--out", bundle)[0] == 0
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


def test_a_bundle_whose_scenarios_are_elsewhere_says_so(call):
    code, _, told = call("test-best", SHIPPED, "--fresh", "30")
    assert (code, told.count("\n")) == (2, 1)
    assert "s4000.json" in told
    assert "checkpoints/README.md" in told


@pytest.mark.parametrize("what", [SHIPPED, Path("nowhere")])
def test_only_a_run_is_exported(call, what, tmp_path):
    code, _, told = call("export", what, "--out", tmp_path / "out")
    assert (code, told.count("\n")) == (2, 1)
    assert str(what) in told
    assert list(tmp_path.iterdir()) == []

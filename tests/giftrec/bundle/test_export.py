"""From a run to a bundle: the same figures and the same answers, or no bundle."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from giftrec.bundle import export as exporting
from giftrec.bundle.bundle import GiftBundle
from giftrec.bundle.export import PARITY, apart, export
from giftrec.checkpoints import RELEASED
from giftrec.cli import app
from giftrec.columns import Columns
from giftrec.inputs import asked
from giftrec.scenarios.expand import expand
from giftrec.vocabulary import TOOLS
from reccore.bundle.manifest import Manifest
from reccore.cli import exit_codes
from reccore.errors import UserError

SHIPPED = Path(__file__).parents[3] / "checkpoints" / RELEASED


def test_a_run_and_its_bundle_agree(run, tmp_path, capsys):
    """One export, since it takes seconds: figures, answers, facts."""
    out = tmp_path / "bundle"
    assert exit_codes(app, "giftrec", ["export", str(run.path), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["parity"] <= PARITY
    bundle = GiftBundle.open(out)
    assert said["bytes"] == sum(entry["bytes"] for entry in bundle.manifest["files"].values())
    _same_figures(run, bundle)
    _same_answers(run, bundle)
    for name in ("data_fingerprint", "seed", "model"):
        assert bundle.manifest[name] == run.manifest[name]
    assert str(tmp_path) not in "".join(
        path.read_bytes().decode("latin1") for path in out.rglob("*") if path.is_file()
    )
    assert "| quality |" in (out / "card.md").read_text()
    assert sorted(path.name for path in out.iterdir()) == [
        "card.md",
        "gifts.json",
        "golden-1.json",
        "graphs",
        "manifest.json",
        "vocabulary.toml",
    ]
    with pytest.raises(UserError, match="is not empty"):
        export(run, out)


def _same_figures(run, bundle):
    """Every output, for recipients of another seed and random sets of tools, some empty."""
    some = expand(run.world, 200, 17, label=False)
    who = Columns.of([s.profile for s in some], run.world.vocabulary)
    tools = np.random.default_rng(5).random((len(some), len(TOOLS))) < 0.5
    facts = asked(run.world, [s.day for s in some], tools)
    ours, theirs = (one.recommender.predictor for one in (bundle, run))
    for name in ("categories", "tools"):
        assert apart(*(getattr(p.wishes(who), name) for p in (ours, theirs))) <= PARITY, name
    said, expected = ours.rewards(who, facts), theirs.rewards(who, facts)
    for name in ("mean", "spread", "appeal", "afford", "arrive", "chance", "expected"):
        assert apart(getattr(said, name), getattr(expected, name)) <= PARITY, name
    assert np.isneginf(said.arrive).any()
    assert np.isposinf(said.afford).any()
    assert ((said.expected == 0) == (expected.expected == 0)).all()


def _same_answers(run, bundle):
    some = (*run.ground.validation, *run.ground.training)
    ours, theirs = (one.recommender.answer(some) for one in (bundle, run))
    for name in ("tools", "slates", "allowed"):
        assert (getattr(ours, name) == getattr(theirs, name)).all(), name
    for scenario in some[:5]:
        mine = bundle.recommend(scenario.profile, scenario.day)
        other = run.recommender.recommend(scenario.profile, scenario.day)
        assert [(s.gift, s.reasons) for s in mine.suggestions] == [
            (s.gift, s.reasons) for s in other.suggestions
        ]
        assert (mine.categories, mine.tools) == (other.categories, other.tools)


def test_a_bundle_that_answers_otherwise_is_not_written(run, tmp_path, monkeypatch):
    """The graphs of another training: refused, and nothing is left behind."""

    def others(folder, run):
        for name in ("gifts.json", "vocabulary.toml", "graphs"):
            copy = shutil.copytree if name == "graphs" else shutil.copy
            copy(SHIPPED / name, folder / name)

    monkeypatch.setattr(exporting, "_write_parts", others)
    with pytest.raises(UserError, match="differ from the model's by"):
        export(run, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_run_is_not_exported(run, tmp_path, monkeypatch):
    monkeypatch.setitem(run.manifest, "status", "interrupted")
    with pytest.raises(UserError, match="is not finished"):
        export(run, tmp_path / "out")


def test_what_is_certain_must_be_certain_in_both():
    one = np.array([0.5, np.inf, -np.inf], dtype=np.float32)
    assert apart(one, one.copy()) == 0
    assert apart(np.array([0.5, 1e9, -np.inf]), one) == np.inf
    assert apart(one, np.array([0.5, 1e9, -np.inf])) == np.inf
    assert apart(np.array([0.5, -np.inf, -np.inf]), one) == np.inf
    assert apart(np.array([0.51]), np.array([0.5])) == pytest.approx(0.01)
    assert apart(np.array([101.0, 2]), np.array([100.0, 2])) == pytest.approx(0.01)


def test_the_shipped_bundle_says_what_it_was_made_of_and_not_where():
    facts = Manifest.read(SHIPPED)
    assert (facts["model"], facts["seed"], facts["data"]) == ("thousands", 0, "s4000.json")
    told = (SHIPPED / "manifest.json").read_text() + (SHIPPED / "card.md").read_text()
    assert facts["config"]["data"]["scenarios"] == "s4000.json"
    assert not re.search(r"(?<![\w.])/(tmp|home|root|work|srv)/", told)

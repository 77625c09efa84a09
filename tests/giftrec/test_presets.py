"""Every shipped preset trains, its widths brought down to size."""

import pytest

from giftrec import presets, settings, training
from giftrec.runs import Run
from giftrec.scenarios.files import write_scenarios
from reccore.errors import UserError
from reccore.run import RunFolder

NARROW = {"width": 16, "profile_hidden": [16], "fusion_hidden": 16, "tool_hidden": 16}


@pytest.fixture(scope="module")
def some(shipped, tmp_path_factory):
    path = tmp_path_factory.mktemp("scenarios") / "some.json"
    write_scenarios(path, shipped[:6], {})
    return path


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_trains(name, some, tmp_path):
    changes = {
        "data": {"scenarios": str(some)},
        "model": NARROW,
        "train": {"epochs": 1, "evaluate_every": 1, "device": "cpu"},
    }
    folder = training.train(settings.resolve(0, name, changes), out=tmp_path / "run")
    run = Run(RunFolder.open(folder.path))
    assert run.manifest["status"] == "complete"
    assert run.settings.preset == name == run.manifest["model"]
    assert run.manifest["training"]["bad_steps"] == 0
    answers = run.recommender.answer(run.ground.validation)
    assert (answers.slates >= -1).all()


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_says_what_it_is_for_and_is_kept_whole(name):
    """Every value of the file stands in the settings: none is overridden or forgotten."""
    assert 20 < len(presets.description(name)) < 100

    def within(tree, whole):
        for key, value in tree.items():
            if isinstance(value, dict):
                within(value, whole[key])
            else:
                assert whole[key] == value, key

    within(presets.read(name), settings.resolve(0, name, {}).tree())


def test_the_default_is_shipped():
    assert presets.DEFAULT in presets.names()
    assert settings.resolve(0, None, {}) == settings.resolve(0, presets.DEFAULT, {})


def test_changes_win_over_the_preset():
    changed = settings.resolve(5, "reference", {"train": {"lr": 0.5}, "model": {"width": 40}})
    assert (changed.train.lr, changed.model.width, changed.seed) == (0.5, 40, 5)
    plain = settings.resolve(5, "reference", {})
    assert changed.train.batch_size == plain.train.batch_size
    assert changed.model.fusion_layers == plain.model.fusion_layers


@pytest.mark.parametrize(
    ("preset", "changes", "problem"),
    [
        ("none", {}, r"unknown preset 'none' \(known: .*compact.*reference"),
        (None, {"modle": {"width": 9}}, r"unknown setting modle \(known: data, model"),
        (None, {"model": {"widht": 9}}, r"model.widht .*did you mean width"),
        (None, {"train": {"lr": "fast"}}, r"train.lr='fast'"),
        (None, {"model": {"ask_above": 1.0}}, r"model.ask_above=1.0"),
        (None, {"augment": {"age_years": -1}}, r"augment.age_years=-1"),
        (None, {"data": {"validation": 0.0}}, r"data.validation=0.0"),
    ],
)
def test_what_no_setting_is_is_refused(preset, changes, problem):
    with pytest.raises(UserError, match=problem):
        settings.resolve(0, preset, changes)


def test_stored_settings_are_read_back(some, tmp_path):
    given = settings.resolve(3, "reference", {"data": {"scenarios": str(some)}, "model": NARROW})
    folder = RunFolder(tmp_path)
    folder.write_config(given.tree())
    assert settings.stored(folder.config, tmp_path) == given

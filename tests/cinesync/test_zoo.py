"""What every model of the zoo must do; a model's own tests are about what is special to it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cinesync import presets
from cinesync.bundles import BundleRun, export
from cinesync.runs import Prepared, Run, load_run
from cinesync.settings import RunSettings, resolve
from cinesync.sources.blocks import blocks
from cinesync.training import train
from cinesync.zoo import ZOO
from reccore.bundle.bundle import Bundle
from reccore.config import merge
from reccore.data.interactions import Histories
from reccore.data.split import split
from reccore.errors import UserError
from reccore.recommender import UserBatch

TINY = {"train": {"epochs": 40, "batch_size": 32, "lr": 0.02, "patience": 0, "evaluate_every": 10}}
IMPERSONAL = {"popularity", "biased-mf"}  # the second learns from ratings, here all alike


def tiny(name: str) -> RunSettings:
    entry = ZOO[name]
    changes = {"model": dict(entry.quick), "evaluate": {"k": [5, 10], "bootstrap": 0}}
    return resolve(name, changes=merge(TINY if entry.trained else {}, changes))


@pytest.fixture(scope="module")
def world() -> Prepared:
    """Blocks of users that like one block of items each: the right answers are certain."""
    data = blocks()
    return Prepared(data, split(data.interactions, resolve("ease", changes={}).split))


@pytest.fixture(scope="module", params=list(ZOO))
def run(
    request: pytest.FixtureRequest, world: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Each model of the zoo in turn, trained on the block world."""
    name: str = request.param
    return train(tiny(name), out=tmp_path_factory.mktemp("zoo") / name, prepared=world)[0]


def test_solves_the_block_world(run: Run) -> None:
    """Every held-out item belongs to the user's block and must lead the list."""
    found = run.evaluate().values()["recall_capped@5"]
    if run.settings.entry.name in IMPERSONAL:
        assert found < 0.5, "the world would be too easy to tell models apart"
    else:
        assert found > 0.95


def test_batch_equals_single_and_reload(run: Run) -> None:
    codes = np.array([0, 3, 9], dtype=np.int32)
    batch = UserBatch(codes, run.histories.take(codes))
    together = run.model.score(batch)
    assert together.shape == (3, len(run.dataset.items))
    assert together.dtype == np.float32
    for row, code in enumerate(codes):
        one = np.array([code], dtype=np.int32)
        alone = run.model.score(UserBatch(one, run.histories.take(one)))
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-4, atol=1e-5)
    again = load_run(run.path).model.score(batch)
    np.testing.assert_array_equal(again, together)


def test_recommends_unseen_items_only(run: Run) -> None:
    user = run.dataset.users.ids.ids[0]
    answer = run.recommend(user, k=4)
    assert answer.columns[:4] == ["user", "item", "rank", "score"]
    assert answer["rank"].to_list() == [1, 2, 3, 4]
    seen = set(run.dataset.items.ids.decode(run.histories.row(0)).to_list())
    assert not seen & set(answer["item"].to_list())
    assert answer["score"].is_sorted(descending=True)


def test_strangers(run: Run) -> None:
    """Models that read histories answer for anyone; the others say that they cannot."""
    items = run.dataset.items.ids.ids[:3].to_list()
    if run.model.from_history:
        assert run.recommend(history=items, k=5).height == 5
        nobody = UserBatch(np.array([-1], dtype=np.int32), Histories.empty(1))
        assert np.isfinite(run.model.score(nobody)).all()
    else:
        with pytest.raises(UserError, match="scores only users it was trained on"):
            run.recommend(history=items, k=5)


WITHOUT_TRAINER = """
import sys
for absent in ("torch", "scipy", "numba", "onnx", "safetensors", "sklearn"):
    sys.modules[absent] = None
from reccore.bundle.bundle import Bundle
bundle = Bundle.open(sys.argv[1])
user = bundle.users.ids.ids[0]
print([item.score for item in bundle.recommend(user, k=4).items])
"""


def test_its_bundle_answers_alike_without_torch(run: Run, tmp_path: Path) -> None:
    """Exported, opened and asked in a process that has neither torch nor scipy nor numba."""
    done = export(run, tmp_path / "bundle")
    assert done.parity <= 1e-5
    bundle = Bundle.open(done.path)
    codes = np.array([-1, 0, 3, 9], dtype=np.int32)
    histories = run.histories.take(np.array([1, 0, 3, 9]))
    batch = UserBatch(codes, histories)
    ours, theirs = run.model.score(batch), bundle.scorer.score(batch)
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5 * np.abs(ours).max())
    assert bundle.scorer.from_history == run.model.from_history
    if run.model.rates:
        pairs = np.array([0, 3, 3, 9], dtype=np.int32), np.array([5, 1, 0, 2], dtype=np.int32)
        np.testing.assert_allclose(
            bundle.scorer.predict(*pairs), run.model.predict(*pairs), rtol=1e-5
        )
    asked = [sys.executable, "-c", WITHOUT_TRAINER, str(done.path)]
    answer = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
    user = run.dataset.users.ids.ids[0]
    expected = run.recommend(user, k=4)["score"].to_list()  # not items: blocks make scores tie
    assert json.loads(answer.stdout) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_it_can_be_stored_in_int8(run: Run, tmp_path: Path) -> None:
    """Every graph loads and answers near what it did; none has to be left as it was."""
    done = export(run, tmp_path / "small", quantise="int8")
    assert done.manifest["quantised"]["graphs_left"] == []
    bundle = Bundle.open(done.path)
    codes = np.arange(10, dtype=np.int32)
    batch = UserBatch(codes, run.histories.take(codes))
    ours, theirs = run.model.score(batch), bundle.scorer.score(batch)
    assert np.abs(theirs - ours).max() < 0.1 * np.abs(ours).max() + 1e-6


def test_its_bundle_is_measured_alike(run: Run, world: Prepared, tmp_path: Path) -> None:
    opened = BundleRun(export(run, tmp_path / "bundle").path)
    opened.__dict__["prepared"] = world  # in memory; the blocks are no source of a command
    ours, theirs = run.evaluate().values(), opened.evaluate().values()
    ties = {"biased-mf", "ials"}  # blocks make scores equal but for rounding
    close = 0.05 if run.settings.entry.name in ties else 1e-6
    assert theirs == pytest.approx(ours, abs=close, nan_ok=True)


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_runs(name: str, world: Prepared, tmp_path: Path) -> None:
    preset = presets.read(name)
    model = preset["model_name"]
    changes = {"evaluate": {"bootstrap": 0}}
    short = {"train": {"epochs": 1, "batch_size": 16}} if ZOO[model].trained else {}
    settings = resolve(model, preset=name, changes=merge(changes, short))
    run, evaluation = train(settings, out=tmp_path / "run", prepared=world)
    assert run.manifest["status"] == "complete"
    assert evaluation.values()["ndcg@10"] >= 0
    assert preset["description"]

"""Sequence models: a world whose best hit rate is known, windows, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from cinesync.bundles import export
from cinesync.models.sasrec import SASRecSettings
from cinesync.models.sequence_task import SequenceTask, Windows, forgetful
from cinesync.runs import Prepared
from cinesync.settings import RunSettings, resolve
from cinesync.sources.markov import Markov, markov
from cinesync.training import train
from cinesync.zoo import ZOO
from reccore.bundle.bundle import Bundle
from reccore.config import merge
from reccore.data.dataset import Dataset
from reccore.data.interactions import Histories
from reccore.data.split import split
from reccore.errors import UserError
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.recommender import UserBatch

WORLD = markov()
LOO = {"split": {"kind": "loo"}, "evaluate": {"k": [1, 10], "bootstrap": 0}}
TINY = {
    "epochs": 30,
    "batch_size": 16,
    "lr": 0.01,
    "patience": 0,
    "evaluate_every": 30,
    "ema_decay": 0.0,
}


def told(name: str, how: dict[str, Any] | None = None, **model: Any) -> RunSettings:
    entry = ZOO[name]
    trained = {"train": {**TINY, **(how or {})}} if entry.trained else {}
    return resolve(name, changes=merge(LOO, trained, {"model": {**entry.quick, **model}}))


def prepared(world: Markov) -> Prepared:
    return Prepared(world.data, split(world.data.interactions, told("sasrec").split))


@pytest.fixture(scope="module")
def ground() -> Prepared:
    return prepared(WORLD)


def hit_rate(name: str, ground: Prepared, out: Path, **model: Any) -> float:
    found = train(told(name, **model), out=out, prepared=ground)[1]
    return found.values()["hit@1"]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("sasrec", {}),
        ("sasrec", {"positions": "learned", "heads": 1}),
        ("sasrec", {"feed_forward": "gelu", "gated": False}),
        ("sasrec", {"loss": "sampled", "negatives": 20}),
        ("sasrec", {"loss": "gbce", "negatives": 20, "shared": False, "calibration": 1.0}),
        ("sasrec", {"loss": "bce", "negatives": 1, "shared": False}),
        ("sasrec", {"temporal": "now", "relative_time": True}),
        ("gru", {}),
        ("lstm", {}),
    ],
)
def test_it_reaches_the_best_hit_rate_there_is(
    name: str, model: dict[str, Any], ground: Prepared, tmp_path: Path
) -> None:
    best = WORLD.best_hit_rate(ground.split.test.histories)
    assert best > 0.6
    assert hit_rate(name, ground, tmp_path / "run", **model) == pytest.approx(best, abs=0.07)


def test_sets_cannot(ground: Prepared, tmp_path: Path) -> None:
    """What was met together says little here: order is what counts."""
    assert hit_rate("ease", ground, tmp_path / "ease") < 0.45
    assert hit_rate("popularity", ground, tmp_path / "popularity") < 0.1


def test_the_best_rate_of_the_world_is_what_its_chances_say(ground: Prepared) -> None:
    """The oracle's own list hits as often as it promises, but for luck."""
    test = ground.split.test
    guess = WORLD.after(test.histories).argmax(axis=1)
    hits = float((guess == test.targets.items).mean())
    assert hits == pytest.approx(WORLD.best_hit_rate(test.histories), abs=0.06)


def test_windows_cover_every_target_and_nothing_else() -> None:
    offsets = np.array([0, 1, 3, 3, 30, 41], dtype=np.int64)
    windows = Windows(offsets, 10, every=True)
    assert len(windows) == 1 + 3 + 1
    generator = torch.Generator().manual_seed(0)
    covered: set[int] = set()
    for _ in range(50):
        starts, lengths = windows.draw(torch.arange(len(windows)), generator)
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            assert 1 <= length <= 10
            user = int(np.searchsorted(offsets, start, side="right")) - 1
            assert start + length < offsets[user + 1], "the target lies in the same history"
            covered |= set(range(start + 1, start + length + 1))
    firsts = set(offsets[:-1].tolist()) | {0}
    assert covered == set(range(41)) - firsts


def test_the_last_window_alone() -> None:
    offsets = np.array([0, 1, 3, 30], dtype=np.int64)
    windows = Windows(offsets, 10, every=False)
    starts, lengths = windows.draw(torch.arange(len(windows)), torch.Generator())
    assert starts.tolist() == [1, 19]
    assert lengths.tolist() == [1, 10]


def test_nobody_with_two_items_is_refused() -> None:
    with pytest.raises(UserError, match="two items"):
        Windows(np.array([0, 1, 2]), 10, every=True)


def model_of(name: str, data: Dataset, **changes: Any) -> Any:
    return ZOO[name].build(told(name, **changes).model, data)


@pytest.mark.parametrize("name", ["sasrec", "gru", "lstm"])
def test_length_1_and_nothing_known(name: str, ground: Prepared) -> None:
    model = model_of(name, ground.dataset, length=1)
    histories = Histories.of_lists([np.array([3, 4], np.int32), np.array([4], np.int32)])
    codes = np.array([-1, -1], dtype=np.int32)
    scores = model.score(UserBatch(codes, histories))
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)
    empty = model.score(UserBatch(codes[:1], Histories.empty(1)))
    np.testing.assert_allclose(empty[0], model.module.bias.detach().numpy(), atol=1e-6)


def test_order_counts(ground: Prepared) -> None:
    model = model_of("sasrec", ground.dataset)
    lists = [np.array(row, np.int32) for row in ([1, 2, 3], [2, 1, 3])]
    scores = model.score(UserBatch(np.array([-1, -1], np.int32), Histories.of_lists(lists)))
    assert np.abs(scores[0] - scores[1]).max() > 1e-6


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dim": 10, "heads": 3}, "not a multiple of heads"),
        ({"dim": 6, "heads": 2, "positions": "rotary"}, "even width"),
        ({"relative_time": True}, "set temporal"),
        ({"loss": "bce", "label_smoothing": 0.1}, "label_smoothing"),
        ({"length": 0}, "length"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SASRecSettings(**changes)


def test_more_negatives_than_items_are_refused(ground: Prepared) -> None:
    model = model_of("sasrec", ground.dataset, loss="sampled", negatives=40)
    with pytest.raises(UserError, match="negatives=40 of 40 items"):
        model.task(ground.training(False), dict, 0)


def test_data_without_order_or_times_is_refused(ground: Prepared) -> None:
    rows = ground.training(False).interactions
    bare = type(rows)(rows.user_ids, rows.item_ids, rows.users, rows.items)
    data = ground.dataset.with_interactions(bare)
    with pytest.raises(UserError, match="what came first"):
        model_of("gru", data).task(data, dict, 0)
    ordered = type(rows)(
        rows.user_ids, rows.item_ids, rows.users, rows.items, order=np.arange(len(rows))
    )
    data = ground.dataset.with_interactions(ordered)
    model_of("gru", data).task(data, dict, 0)
    with pytest.raises(UserError, match="reads times"):
        model_of("sasrec", data, temporal="events").task(data, dict, 0)


def test_training_reads_when_the_target_was_and_hides_it_now_and_then(ground: Prepared) -> None:
    model = model_of("sasrec", ground.dataset, temporal="now", forget_now=0.0)
    task = model.task(ground.training(False), dict, 0)
    assert isinstance(task, SequenceTask)
    batch = task.prepare(torch.arange(8), torch.Generator().manual_seed(0))
    when, layout = batch["tokens"].when, batch["tokens"].layout
    assert task.events.features is not None
    following = task.events.features[batch["tokens"].index + 1]  # of the target, not of the token
    assert torch.equal(when.following[layout.real, :-1], following[layout.real])
    assert (when.following[layout.real, -1] == 1).all()
    tokens = forgetful(batch["tokens"], 1.0, torch.Generator())
    assert tokens.when is not None
    assert not tokens.when.following.any()
    assert torch.equal(tokens.when.asked, tokens.when.times)


@pytest.mark.parametrize("model", [{}, {"relative_time": True}, {"positions": "learned"}])
@pytest.mark.parametrize("temporal", ["events", "now"])
def test_a_bundle_reads_times_as_the_model_does(
    temporal: str, model: dict[str, Any], ground: Prepared, tmp_path: Path
) -> None:
    settings = told("sasrec", {"epochs": 1}, temporal=temporal, **model)
    run, _ = train(settings, out=tmp_path / "run", prepared=ground)
    bundle = Bundle.open(export(run, tmp_path / "bundle").path)
    test = ground.split.test
    rows = np.array([0, 5, 9, 11])
    batch = UserBatch(test.users, test.histories, test.now).take(rows)
    ours = run.model.score(batch)
    np.testing.assert_allclose(bundle.scorer.score(batch), ours, rtol=1e-4, atol=1e-5)
    later = UserBatch(batch.codes, batch.histories, None if batch.now is None else batch.now + 9999)
    changed = np.abs(run.model.score(later) - ours).max() > 1e-6
    assert changed == (temporal == "now")


def test_it_is_measured_with_and_without_now(ground: Prepared) -> None:
    """The time of the first target reaches the model, and only one that reads it cares."""
    how = EvaluateSettings(k=(10,), bootstrap=0)
    catalogue = Catalogue.of(ground.training(False))
    asked: list[Any] = []
    model = model_of("sasrec", ground.dataset, temporal="now")
    score = model.score
    model.score = lambda users: asked.append(users.now) or score(users)
    evaluate(model, ground.split.test, catalogue, how)
    times = WORLD.data.interactions.timestamps
    assert times is not None
    assert set(np.concatenate(asked).tolist()) == {int(times.max())}

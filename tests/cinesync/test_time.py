"""Runs and bundles of models that read time: the same answers, and told what they were not."""

import json
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest

from cinesync.bundles import BundleRun, export
from cinesync.cli import app
from cinesync.gate import Elsewhere
from cinesync.runs import Prepared, Run
from cinesync.settings import resolve
from cinesync.sources.hours import HOUR, hours
from cinesync.training import train
from reccore.bundle import encoders, scorers
from reccore.bundle.batch import score_all
from reccore.bundle.bundle import Bundle
from reccore.bundle.golden import check_golden, rows_of
from reccore.bundle.people import forget
from reccore.cli import exit_codes
from reccore.data.interactions import Histories
from reccore.data.split import split
from reccore.errors import UserError
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, evaluate
from reccore.recommender import UserBatch

NOON = 1_704_110_400  # of the first of January 2024: all was before it
MORNING, EVENING = NOON - 4 * HOUR, NOON + 6 * HOUR
SMALL = {"dim": 16, "length": 20}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "sasrec": ("sasrec", {**SMALL, "hidden": 32, "temporal": "now", "relative_time": True}),
    "gru": ("gru", {**SMALL, "hidden": 32, "temporal": "now"}),
    "events": ("sasrec", {**SMALL, "hidden": 32, "temporal": "events"}),
    "off": ("sasrec", {**SMALL, "hidden": 32}),
    "ncf": ("ncf", {"dim": 8, "temporal": "now", "embedding_l2": 0.02}),
    "neumf": ("neumf", {"dim": 8, "temporal": "now", "embedding_l2": 0.02}),
}


@pytest.fixture(scope="module")
def world() -> Prepared:
    data = hours()
    return Prepared(data, split(data.interactions, resolve("ease", changes={}).split))


class Made:
    """Runs and their bundles, each made when a test first asks for it."""

    def __init__(self, world: Prepared, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.runs: dict[str, Run] = {}

    def run(self, name: str) -> Run:
        if name not in self.runs:
            model, settings = MODELS[name]
            epochs = {"sasrec": 20, "ncf": 25}.get(name, 2)  # the two that are measured
            how = {"epochs": epochs, "evaluate_every": epochs, "lr": 0.02, "batch_size": 64}
            if model not in ("ncf", "neumf"):
                how |= {"batch_size": 8, "ema_decay": 0.9}
            changes = {"model": settings, "train": how, "evaluate": {"bootstrap": 0}}
            how_to = resolve(model, changes=changes)
            self.runs[name], _ = train(how_to, out=self.folder / name, prepared=self.world)
        return self.runs[name]

    def path(self, name: str) -> Path:
        path = self.folder / f"{name}-bundle"
        return path if path.exists() else export(self.run(name), path).path

    def bundle(self, name: str) -> Bundle:
        return Bundle.open(self.path(name))


@pytest.fixture(scope="module")
def made(world: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(world, tmp_path_factory.mktemp("time"))


def ids(answer: Any) -> list[Any]:
    return [item.item for item in answer.items]


def even(items: list[Any]) -> float:
    """What is chosen before noon."""
    return float(np.mean([item % 2 == 0 for item in items]))


@pytest.mark.parametrize("name", ["sasrec", "gru", "events", "ncf", "neumf"])
def test_a_bundle_scores_as_its_model_at_any_time(made: Made, name: str) -> None:
    run, bundle = made.run(name), made.bundle(name)
    codes = np.array([0, 3, 9, 20], dtype=np.int32)
    now = np.array([MORNING, EVENING, -1, NOON])
    batch = UserBatch(codes, run.histories.take(codes), now)
    for asked in (batch, replace(batch, now=None)):
        ours, theirs = run.model.score(asked), bundle.scorer.score(asked)
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5 * np.abs(ours).max())
    told, untold = (bundle.scorer.score(asked) for asked in (batch, replace(batch, now=None)))
    heard = np.abs(told - untold).max(axis=1) > 1e-4
    assert heard.tolist() == [name != "events"] * 2 + [False] + [name != "events"]


@pytest.mark.parametrize("name", ["sasrec", "events", "ncf", "off"])
def test_times_are_stored_for_who_reads_them(made: Made, name: str) -> None:
    run, bundle = made.run(name), made.bundle(name)
    np.testing.assert_array_equal(bundle.seen.items, run.histories.items)
    stored = "users-1/seen.times.npy" in bundle.manifest.files
    assert stored == (name != "off")
    if name == "off":
        assert bundle.seen.times is None
    else:
        np.testing.assert_array_equal(bundle.seen.times, run.histories.times)


@pytest.mark.parametrize(
    ("name", "place", "broken"),
    [
        ("sasrec", encoders, "moments"),
        ("events", encoders, "moments"),
        ("ncf", scorers, "asked_moments"),
    ],
)
def test_the_proofs_of_a_bundle_cover_its_way_with_times(
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    place: ModuleType,
    broken: str,
) -> None:
    """Parity at export and golden requests at opening: neither passes where times are misread."""
    run, bundle, real = made.run(name), made.bundle(name), getattr(place, broken)
    check_golden(bundle)

    def late(histories: Histories, now: Any) -> Any:
        times = None if histories.times is None else histories.times + 7 * HOUR
        return real(replace(histories, times=times), None if now is None else now + 7 * HOUR)

    monkeypatch.setattr(place, broken, late)
    with pytest.raises(UserError, match="differ from the model's"):
        export(run, tmp_path / "never")
    with pytest.raises(UserError, match="answers its golden request"):
        check_golden(bundle)


def test_golden_requests_carry_times_only_where_they_are_read(made: Made) -> None:
    def fields(name: str) -> set[str]:
        return {field for row in rows_of(made.bundle(name)) for field in row["request"]}

    assert {"times", "now"} <= fields("sasrec") & fields("ncf")
    assert not {"times", "now"} & fields("off")


def test_the_hour_that_is_asked_decides(made: Made) -> None:
    bundle = made.bundle("sasrec")
    met = bundle.items.ids.ids[:4].to_list()
    times = [NOON - 90 * HOUR, NOON - 50 * HOUR, NOON - 40 * HOUR, NOON - 30 * HOUR]
    for who in ({"history": met, "times": times}, {"user": 7}):
        morning, evening = (bundle.recommend(**who, now=now) for now in (MORNING, EVENING))
        assert even(ids(morning)) > 0.8 > 0.2 > even(ids(evening))
        assert morning.degraded == ()
    assert made.bundle("ncf").recommend(7, now=MORNING).degraded == ()


def test_what_the_model_was_not_told_is_said(made: Made) -> None:
    met = made.bundle("sasrec").items.ids.ids[:3].to_list()
    no_times = "sasrec reads times, and the history has none"
    no_now = "sasrec reads now, and none is given"
    when = {"times": [NOON] * 3, "now": NOON}
    asked: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
        ("sasrec", {"history": met}, (no_times, no_now)),
        ("sasrec", {"history": met, "times": [NOON] * 3}, (no_now,)),
        ("sasrec", {"history": met, "now": NOON}, (no_times,)),
        ("sasrec", {"user": 3}, (no_now,)),
        ("sasrec", {"history": []}, ("the history is empty", "popularity answers")),
        ("events", {"history": met}, (no_times,)),
        ("events", {"user": 3}, ()),
        ("ncf", {"user": 3}, ("ncf reads now, and none is given",)),
        ("off", {"history": met}, ()),
        ("off", {"history": met, **when}, ()),
    ]
    for name, request, said in asked:
        assert made.bundle(name).recommend(**request).degraded == said, (name, request)
    off = made.bundle("off")
    assert off.recommend(history=met, **when).items == off.recommend(history=met).items


def test_unknown_items_go_with_their_times(made: Made) -> None:
    bundle = made.bundle("events")
    met = bundle.items.ids.ids[:3].to_list()
    known = bundle.recommend(history=met, times=[NOON, NOON + HOUR, NOON + 30 * HOUR])
    times = [NOON, NOON + HOUR, NOON + 2 * HOUR, NOON + 30 * HOUR]
    found = bundle.recommend(history=[*met[:2], "nowhere", met[2]], times=times)
    assert found.items == known.items
    assert found.degraded == ("unknown items are left out: nowhere",)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"history": [0, 1], "times": [5]}, r"times are 1, and history holds 2 .*one time an item"),
        ({"history": [0, 1], "times": [5, 4]}, "times fall from 5 to 4 .*oldest first"),
        ({"history": [0], "times": [-2]}, "times: -2 is no time .*seconds since 1970"),
        ({"user": 3, "times": [5]}, "times are of a history, and none is given .*give history"),
        ({"user": 3, "now": -5}, "now: -5 is no time"),
        ({"history": [0], "now": 1_704_110_400_000}, "no time .*not milliseconds"),
    ],
)
def test_bad_times_are_named_by_runs_and_bundles(
    made: Made, request_: dict[str, Any], message: str
) -> None:
    for answers in (made.bundle("sasrec").recommend, made.run("sasrec").recommend):
        with pytest.raises(UserError, match=message):
            answers(**request_)


def test_who_was_forgotten_leaves_the_others_their_times(made: Made, tmp_path: Path) -> None:
    bundle = Bundle.open(export(made.run("sasrec"), tmp_path / "bundle").path)
    before = bundle.recommend(5, now=EVENING)
    assert bundle.users is not None
    gone = bundle.users.ids.code(0, "user")
    kept = bundle.seen.take(np.delete(np.arange(len(bundle.seen)), gone))
    manifest = forget(bundle, 0)
    after = Bundle.open(tmp_path / "bundle")
    assert "users-2/seen.times.npy" in manifest.files
    assert not (tmp_path / "bundle" / "users-1").exists()
    np.testing.assert_array_equal(after.seen.times, kept.times)
    assert after.recommend(5, now=EVENING).items == before.items
    check_golden(after)


@pytest.mark.parametrize("name", ["sasrec", "ncf"])
def test_now_reaches_the_model_wherever_it_is_measured(made: Made, name: str) -> None:
    run, world = made.run(name), made.world
    opened = BundleRun(made.path(name))
    opened.__dict__["prepared"] = world
    ours = run.evaluate().values()["ndcg@10"]
    assert opened.evaluate().values()["ndcg@10"] == pytest.approx(ours, abs=1e-6)
    test, catalogue = world.split.test, Catalogue.of(world.training(False))
    how = EvaluateSettings(k=(10,), bootstrap=0)
    gate = evaluate(Elsewhere(opened.bundle, world.dataset), test, catalogue, how)
    assert gate.values()["ndcg@10"] == pytest.approx(ours, abs=1e-6)
    timeless = replace(test, targets=replace(test.targets, times=None))
    assert evaluate(run.model, timeless, catalogue, how).values()["ndcg@10"] < 0.8 * ours


@pytest.mark.parametrize("name", ["sasrec", "ncf"])
def test_many_are_asked_for_at_one_time(made: Made, name: str) -> None:
    run, opened = made.run(name), BundleRun(made.path(name))
    codes = np.arange(8, dtype=np.int32)
    users = run.dataset.users.ids.decode(codes).to_list()
    for now in (MORNING, EVENING, None):
        frame = run.recommend(users=users, k=5, now=now)
        theirs = opened.recommend_codes(codes, 5, now=now)
        assert frame["item"].to_list() == theirs["item"].to_list()
        one = [ids(opened.bundle.recommend(user, k=5, now=now)) for user in users]
        assert frame["item"].to_list() == [item for row in one for item in row]
    morning, evening = (run.recommend(users=users, k=5, now=now) for now in (MORNING, EVENING))
    assert even(morning["item"].to_list()) > 0.8 > 0.2 > even(evening["item"].to_list())


def test_a_run_and_its_bundle_hear_the_same(made: Made) -> None:
    run, bundle = made.run("sasrec"), made.bundle("sasrec")
    met, times = [0, 1, 2], [NOON - 9 * HOUR, NOON - 8 * HOUR, NOON - 8 * HOUR]
    for when in ({}, {"times": times}, {"now": EVENING}, {"times": times, "now": EVENING}):
        frame = run.recommend(history=met, k=6, **when)
        answer = bundle.recommend(history=met, k=6, **when)
        scores = [item.score for item in answer.items]
        np.testing.assert_allclose(frame["score"].to_numpy(), scores, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="times are of a history"):
        run.recommend(3, times=[5])


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    code = exit_codes(app, "cinesync", [str(word) for word in words])
    out, err = capsys.readouterr()
    return code, err if code else json.loads(out)


def test_the_command_line_says_when(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, bundle = made.run("sasrec").path, made.path("sasrec")
    who = ["--history", "0,1", "--json"]
    when = ["--times", f"{NOON - 9 * HOUR}, {NOON - 8 * HOUR}", "--now", str(EVENING)]
    _, answer = said(capsys, "recommend", bundle, *who, *when)
    assert answer["degraded"] == []
    _, rows = said(capsys, "recommend", run, *who, *when)
    assert [row["item"] for row in rows] == [item["item"] for item in answer["items"]]
    monkeypatch.setattr(time, "time", lambda: EVENING + 0.7)
    _, clock = said(capsys, "recommend", bundle, *who, *when[:2], "--now", "now")
    assert clock["items"] == answer["items"]
    for now, part in ((MORNING, "morning"), (EVENING, "evening")):
        out = tmp_path / f"{part}.parquet"
        said(capsys, "recommend", bundle, "--all-users", "--now", str(now), "--out", out, "--json")
    halves = [
        even(pl.read_parquet(tmp_path / f"{p}.parquet")["item"].to_list())
        for p in ("morning", "evening")
    ]
    assert halves[0] > 0.8 > 0.2 > halves[1]
    for words, message in (
        (["--user", "3", "--times", "5"], "--times are of a history"),
        ([*who, "--now", "noon"], "--now: 'noon' is no time"),
        ([*who, "--times", "1,x"], "--times: 'x' is no time"),
        ([*who, "--times", "1"], "times are 1, and history holds 2"),
        ([*who, "--now", "-1"], "now: -1 is no time"),
    ):
        for path in (run, bundle):
            code, told = said(capsys, "recommend", path, *words)
            assert code == 2
            assert message in told


def test_everybody_is_scored_at_their_times(made: Made, tmp_path: Path) -> None:
    bundle = made.bundle("sasrec")
    histories = [[0, 1, 2], [3, 999, 5], [6, 7], []]
    times = [[NOON, NOON + 1, NOON + 2], [NOON, NOON + HOUR, NOON + HOUR], None, []]
    people = tmp_path / "people.parquet"
    frame = pl.DataFrame({"user": [1, 2, 3, 4], "history": histories, "times": times})
    frame.write_parquet(people)
    score_all(bundle, people, tmp_path / "out", k=5, now=EVENING)
    found = pl.read_parquet(tmp_path / "out" / "part-00000.parquet")
    for user, met, when in zip([1, 2, 3, 4], histories, times, strict=True):
        own = bundle.recommend(history=met, times=when, now=EVENING, k=5)
        assert found.filter(pl.col("user") == user)["item"].to_list() == ids(own)
    with pytest.raises(UserError, match="another job: now differ"):
        score_all(bundle, people, tmp_path / "out", k=5, now=MORNING)
    with pytest.raises(UserError, match="now: -3 is no time"):
        score_all(bundle, people, tmp_path / "other", now=-3)
    assert not (tmp_path / "other").exists()
    frame.with_columns(times=pl.Series([[1], [1], [1], [1]])).write_parquet(people)
    with pytest.raises(UserError, match="times are 1, and history holds 3"):
        score_all(bundle, people, tmp_path / "wrong")
    known = tmp_path / "known.csv"
    known.write_text("user\n3\n8\n")
    score_all(bundle, known, tmp_path / "known", k=5, now=MORNING)
    found = pl.read_parquet(tmp_path / "known" / "part-00000.parquet")
    own = [item for user in (3, 8) for item in ids(bundle.recommend(user, now=MORNING, k=5))]
    assert found["item"].to_list() == own

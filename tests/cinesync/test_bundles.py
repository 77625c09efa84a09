"""A bundle's answers: who may be asked for, what is filtered, what is said, what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cinesync.bundles import BundleRun, export
from cinesync.runs import Prepared, Run
from cinesync.settings import resolve
from cinesync.sources import load
from cinesync.training import train
from reccore.bundle.asking import having
from reccore.bundle.bundle import Bundle
from reccore.bundle.golden import check_golden
from reccore.bundle.manifest import Manifest, _seal, entry
from reccore.bundle.people import forget
from reccore.data.split import split
from reccore.errors import UserError
from reccore.files import write_array
from reccore.recommender import UserBatch


@pytest.fixture(scope="module")
def world() -> Prepared:
    data = load("generated", None, options={"users": 300, "items": 200}).dataset
    return Prepared(data, split(data.interactions, resolve("ease", changes={}).split))


def made(model: str, world: Prepared, folder: Path) -> Run:
    changes: dict[str, Any] = {
        "data": {"options": {"users": 300, "items": 200}},
        "evaluate": {"bootstrap": 0},
    }
    if model == "two-tower":
        changes |= {"train": {"epochs": 1, "evaluate_every": 1}, "model": {"dim": 16}}
    if model == "mf":
        changes |= {"train": {"epochs": 1}, "model": {"dim": 8}}
    return train(resolve(model, changes=changes), out=folder / model, prepared=world)[0]


@pytest.fixture(scope="module")
def run(world: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made("two-tower", world, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def folder(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(run, tmp_path_factory.mktemp("bundles") / "towers").path


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Bundle:
    return Bundle.open(folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def ids(answer: Any) -> list[Any]:
    return [item.item for item in answer.items]


def test_a_known_user_is_answered_as_by_the_run(run: Run, bundle: Bundle) -> None:
    for user in run.dataset.users.ids.ids[:5]:
        assert ids(bundle.recommend(user, k=7)) == run.recommend(user, k=7)["item"].to_list()


def test_a_history_is_never_recommended(bundle: Bundle) -> None:
    met = bundle.items.ids.ids[:12].to_list()
    answer = bundle.recommend(history=met, k=50)
    assert not set(met) & set(ids(answer))
    assert answer.degraded == ()


def test_unknown_items_of_a_history_are_named(bundle: Bundle) -> None:
    known = bundle.items.ids.ids[:3].to_list()
    answer = bundle.recommend(history=[*known, "nowhere"], k=5)
    assert ids(answer) == ids(bundle.recommend(history=known, k=5))
    assert answer.degraded == ("unknown items are left out: nowhere",)


@pytest.mark.parametrize("history", [[], ["no", "such", "items"]])
def test_who_has_no_history_gets_what_is_popular_and_is_told(
    bundle: Bundle, history: list[str]
) -> None:
    answer = bundle.recommend(history=history, k=5)
    best = np.argsort(-bundle.popularity, kind="stable")[:5]
    assert ids(answer) == bundle.items.ids.ids.gather(best).to_list()
    assert {item.by for item in answer.items} == {"popularity"}
    assert "popularity answers" in answer.degraded


def test_preferences_stand_for_a_history(bundle: Bundle) -> None:
    genres = bundle.items.features["genres"].vocabulary
    answer = bundle.recommend(preferences={"genres": genres[:2]}, k=5)
    assert len(answer.items) == 5
    assert {item.by for item in answer.items} == {"model"}
    assert "stand for a history" in answer.degraded[0]


def test_filters_keep_k_full(bundle: Bundle) -> None:
    every = bundle.items.ids.ids.to_list()
    user = bundle.users.ids.ids[0] if bundle.users is not None else None
    free = ids(bundle.recommend(user, k=10))
    without = ids(bundle.recommend(user, k=10, deny=free[:4]))
    assert len(without) == 10
    assert without[:6] == free[4:]
    seen = set(bundle.items.ids.decode(bundle.seen.row(0)).to_list())
    some = [item for item in every if item not in seen][:8]
    assert set(ids(bundle.recommend(user, k=8, allow=some))) == set(some)
    genre = bundle.items.features["genres"].vocabulary[1]
    flags = having(bundle, "genres", [genre])
    only = bundle.recommend(user, k=5, only={"genres": [genre]})
    assert all(flags[bundle.items.ids.code(item)] for item in ids(only))


def test_more_than_there_is_gives_what_is_left_and_says_so(bundle: Bundle) -> None:
    answer = bundle.recommend(history=bundle.items.ids.ids[:5].to_list(), k=10**9)
    assert len(answer.items) == len(bundle.items) - 5
    assert answer.degraded == (f"{10**9} items were asked for, {len(bundle.items) - 5} are left",)


def test_diversity_costs_relevance_and_says_how_much(bundle: Bundle) -> None:
    user = bundle.users.ids.ids[3] if bundle.users is not None else None
    kept = [bundle.recommend(user, diversity=d).relevance_kept for d in (0.0, 0.3, 0.9)]
    assert kept[0] == 1 > kept[1] > kept[2] > 0
    kinds = [
        bundle.kinds_of(bundle.codes(ids(bundle.recommend(user, diversity=d)))) for d in (0.0, 0.9)
    ]
    alike = [np.corrcoef(part)[np.triu_indices(len(part), 1)].mean() for part in kinds]
    assert alike[1] < alike[0]


def test_a_bundle_is_measured_with_the_diversity_it_serves(run: Run, tmp_path: Path) -> None:
    plain = BundleRun(export(run, tmp_path / "plain").path)
    varied = BundleRun(export(run, tmp_path / "varied", diversity=0.7).path)
    a, b = (part.evaluate().values() for part in (plain, varied))
    assert b["diversity@10"] > a["diversity@10"]
    assert b["ndcg@10"] < a["ndcg@10"]
    user = varied.bundle.users.ids.ids[0] if varied.bundle.users is not None else 0
    told = varied.manifest["evaluation"]["metrics"]["ndcg@10"]["value"]
    assert told == pytest.approx(b["ndcg@10"])  # card and manifest speak of what is served
    frame = varied.recommend_codes(np.array([0], np.int32), 10)
    assert frame["item"].to_list() == ids(varied.bundle.recommend(user, k=10))


def test_without_users_it_still_answers_histories(run: Run, tmp_path: Path) -> None:
    done = export(run, tmp_path / "nobody", users=False)
    bundle = Bundle.open(done.path)
    assert not [name for name in done.manifest.files if "users" in name]
    assert bundle.recommend(history=bundle.items.ids.ids[:3].to_list()).items
    with pytest.raises(UserError, match="holds no users"):
        bundle.recommend(1)


def test_a_model_of_known_users_says_that_it_knows_no_others(
    world: Prepared, tmp_path: Path
) -> None:
    bundle = Bundle.open(export(made("mf", world, tmp_path), tmp_path / "mf-bundle").path)
    answer = bundle.recommend(history=bundle.items.ids.ids[:3].to_list(), k=3)
    assert answer.degraded == ("mf knows only its own users", "popularity answers")


def test_a_model_of_known_users_is_nothing_without_them(world: Prepared, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mf answers only its own users"):
        export(made("mf", world, tmp_path), tmp_path / "nobody", users=False)


def test_a_forgotten_user_is_nowhere(copy: Path) -> None:
    bundle = Bundle.open(copy)
    assert bundle.users is not None
    gone, other = bundle.users.ids.ids[0], bundle.users.ids.ids[1]
    before = ids(bundle.recommend(other))
    manifest = forget(bundle, gone)
    assert manifest.generation == 2
    after = Bundle.open(copy)
    check_golden(after)
    assert ids(after.recommend(other)) == before
    with pytest.raises(UserError, match="unknown user"):
        after.recommend(gone)
    assert after.users is not None
    assert len(after.users) == len(after.seen) == len(bundle.users) - 1
    named = json.loads((copy / manifest["golden"]).read_text())
    assert gone not in [row["request"].get("user") for row in named]
    assert not (copy / "users-1").exists()


def test_evaluation_follows_ids_after_somebody_was_forgotten(run: Run, copy: Path) -> None:
    opened = BundleRun(copy)
    before = opened.evaluate().values()["ndcg@10"]
    assert opened.bundle.users is not None
    forget(opened.bundle, opened.bundle.users.ids.ids[0])
    after = BundleRun(copy).evaluate().values()["ndcg@10"]
    assert after == pytest.approx(before, abs=0.01)  # one user of 300 is a stranger now


def test_one_flipped_byte_is_refused_in_any_file(copy: Path) -> None:
    for name in [*Manifest.read(copy).files, "manifest.json"]:
        path = copy / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
        with pytest.raises(UserError, match="corrupt"):
            Bundle.open(copy)
        path.write_bytes(whole)
    Bundle.open(copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "items" / "vectors.npy").unlink()
    with pytest.raises(UserError, match=r"lacks items/vectors.npy"):
        Bundle.open(copy)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "a/../../b", "a\\..\\b"])
def test_a_path_out_of_the_bundle_is_refused(copy: Path, name: str) -> None:
    manifest = Manifest.read(copy)
    files = {**manifest.files, name: {"sha256": "0" * 64, "bytes": 1}}
    Manifest({**manifest.facts, "files": files}).write(copy)
    with pytest.raises(UserError, match="out of the bundle"):
        Bundle.open(copy)


def test_a_link_is_refused(copy: Path, tmp_path: Path) -> None:
    real = copy / "popularity.npy"
    elsewhere = tmp_path / "elsewhere.npy"
    real.rename(elsewhere)
    real.symlink_to(elsewhere)
    with pytest.raises(UserError, match="is a link"):
        Bundle.open(copy)


def test_a_foreign_graph_is_refused(copy: Path) -> None:
    manifest = Manifest.read(copy)
    scorer = json.loads(json.dumps(manifest["scorer"]))
    scorer["graphs"]["user"]["inputs"] = ["something_else"]
    Manifest({**manifest.facts, "scorer": scorer}).write(copy)
    with pytest.raises(UserError, match="foreign graph"):
        Bundle.open(copy)


def test_a_newer_format_says_which_version_it_needs(copy: Path) -> None:
    content = json.loads((copy / "manifest.json").read_text())
    content |= {"format": 99, "minimum_version": "7.1"}
    (copy / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"needs giftrec 7\.1"):
        Bundle.open(copy)


def test_a_kind_of_model_from_the_future_is_refused(copy: Path) -> None:
    manifest = Manifest.read(copy)
    Manifest({**manifest.facts, "scorer": {**manifest["scorer"], "kind": "oracle"}}).write(copy)
    with pytest.raises(UserError, match="does not know"):
        Bundle.open(copy)


def test_the_seal_covers_every_fact(copy: Path) -> None:
    content = json.loads((copy / "manifest.json").read_text())
    seal = content.pop("sha256")
    assert seal == _seal(content)
    assert seal != _seal({**content, "blessed": not content["blessed"]})


def test_an_export_leaves_nothing_when_it_fails(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cinesync.bundles.PARITY", -1.0)
    with pytest.raises(UserError, match="differ from the model's"):
        export(run, tmp_path / "never")
    assert list(tmp_path.iterdir()) == []


def test_an_export_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        export(run, tmp_path / "there")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"history": [1], "k": 0}, "k is 0"),
        ({"history": [1], "k": -3}, "k is -3"),
        ({}, "exactly one"),
        ({"user": 1, "history": [1]}, "exactly one"),
        ({"history": [1], "diversity": 1.5}, r"diversity is 1\.5"),
        ({"preferences": {"mood": ["happy"]}}, "no feature 'mood'"),
        ({"preferences": {"genres": ["Nonsense"]}}, "unknown genres 'Nonsense'"),
        ({"user": "stranger"}, "unknown user"),
    ],
)
def test_bad_requests_are_named(bundle: Bundle, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        bundle.recommend(request_.pop("user", None), **request_)


def test_the_card_says_what_it_is(folder: Path) -> None:
    card = (folder / "card.md").read_text()
    for word in ("two-tower", "Intended use", "licence", "Limits", "ndcg@10", "By group"):
        assert word in card


@pytest.mark.parametrize("how", ["int8", "fp16"])
def test_quantised_numbers_are_small_and_cost_little(run: Run, tmp_path: Path, how: Any) -> None:
    done = export(run, tmp_path / how, quantise=how)
    cost = done.manifest["quantised"]
    share = cost["size"]["after"] / cost["size"]["before"]
    assert share < {"int8": 0.5, "fp16": 0.6}[how]
    assert cost["ndcg@10"]["after"] == pytest.approx(cost["ndcg@10"]["before"], rel=0.05)
    bundle = Bundle.open(done.path)
    check_golden(bundle)
    batch = UserBatch(np.arange(20, dtype=np.int32), run.histories.take(np.arange(20)))
    ours, theirs = run.model.score(batch), bundle.scorer.score(batch)
    assert np.abs(ours - theirs).max() < {"int8": 0.05, "fp16": 0.01}[how] * np.abs(ours).max()


def test_a_blessing_is_refused_where_quality_is_lost(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ruin(folder: Path, parts: list[str], how: str) -> list[str]:
        path = folder / "items" / "vectors.npy"
        write_array(path, np.load(path) * 0)
        return []

    monkeypatch.setattr("cinesync.bundles.shrink_folder", ruin)
    done = export(run, tmp_path / "ruined", quantise="int8")
    assert done.manifest["blessed"] is False
    assert (
        done.manifest["quantised"]["ndcg@10"]["after"]
        < 0.9 * (done.manifest["quantised"]["ndcg@10"]["before"])
    )


def rewrite_golden(folder: Path, change: Any) -> Bundle:
    """A bundle whose golden answers were made wrong, its hashes right."""
    manifest = Manifest.read(folder)
    path = folder / manifest["golden"]
    rows = json.loads(path.read_text())
    change(rows)
    path.write_text(json.dumps(rows))
    files = {**manifest.files, path.name: entry(path)}
    Manifest({**manifest.facts, "files": files}).write(folder)
    return Bundle.open(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [row.update(items=[[-i, s] for i, (_, s) in enumerate(row["items"])])
                      for row in rows],
        lambda rows: rows[0].update(items=rows[0]["items"][:-1]),
        lambda rows: rows[1]["items"][0].__setitem__(1, 1e6),
        lambda rows: rows[0].update(degraded=["nothing of the kind"]),
    ],
    ids=["other items", "fewer items", "another score", "another note"],
)  # fmt: skip
def test_wrong_golden_answers_are_noticed(copy: Path, change: Any) -> None:
    check_golden(Bundle.open(copy))
    with pytest.raises(UserError, match="otherwise than at export"):
        check_golden(rewrite_golden(copy, change))

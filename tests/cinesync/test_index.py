"""Items of a bundle change without training: each change is a generation, whole or absent."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cinesync.bundles import BundleRun, export
from cinesync.runs import Prepared, Run
from cinesync.settings import resolve
from cinesync.sources import load
from cinesync.training import train
from reccore.bundle import indexing
from reccore.bundle.asking import having
from reccore.bundle.bundle import Bundle
from reccore.bundle.golden import check_golden
from reccore.bundle.manifest import Manifest
from reccore.bundle.registry import Registry
from reccore.data.split import split
from reccore.errors import UserError
from reccore.retrieve.choose import RetrieveSettings

pytest.importorskip("faiss", reason="an approximate index needs faiss")
SIZE = {"users": 300, "items": 400}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    data = load("generated", None, options=SIZE).dataset
    world = Prepared(data, split(data.interactions, resolve("ease", changes={}).split))
    changes: dict[str, Any] = {"data": {"options": SIZE}, "evaluate": {"bootstrap": 0}}
    changes |= {"train": {"epochs": 3, "evaluate_every": 3}, "model": {"dim": 16}}
    out = tmp_path_factory.mktemp("runs") / "towers"
    return train(resolve("two-tower", changes=changes), out=out, prepared=world)[0]


@pytest.fixture(scope="module", params=["flat", "ivf"])
def whole(
    run: Run, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    kind = request.param
    how = RetrieveSettings(kind=kind, recall=0.95)
    return export(run, tmp_path_factory.mktemp("bundles") / kind, index=how).path


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


NEW = pl.DataFrame(
    {
        "id": [900_001, 900_002],
        "title": ["First", "Second"],
        "genres": ["Comedy|Romance", "Horror"],
    }
)


def ids(bundle: Bundle, **request: Any) -> list[Any]:
    return [item.item for item in bundle.recommend(**request).items]


def user(bundle: Bundle) -> Any:
    assert bundle.users is not None
    return bundle.users.ids.ids[0]


def test_added_items_can_be_recommended_and_met_at_once(folder: Path) -> None:
    done = indexing.add(Bundle.open(folder), NEW)
    assert (done.items, done.by, done.manifest.generation) == (2, "features", 2)
    bundle = Bundle.open(folder)
    assert set(ids(bundle, user=user(bundle), allow=[900_001, 900_002])) == {900_001, 900_002}
    answer = bundle.recommend(history=[900_001], k=5)
    assert answer.degraded == ()
    assert 900_001 not in [item.item for item in answer.items]
    assert {item.title for item in bundle.recommend(user(bundle), k=402).items} >= {"First"}


def test_an_item_stands_where_items_of_its_features_stand(folder: Path) -> None:
    before = Bundle.open(folder)
    indexing.add(before, NEW)
    after = Bundle.open(folder)
    vectors = np.asarray(after.scorer.parts.items["vectors"])[:, :-1]
    for row, genre in ((-2, "Comedy"), (-1, "Horror")):
        flags = having(before, "genres", [genre])
        alike = vectors[:-2] @ vectors[row]
        assert alike[flags].mean() > alike[~flags].mean()


def test_given_vectors_are_used_as_they_are(folder: Path) -> None:
    bundle = Bundle.open(folder)
    like = np.asarray(bundle.scorer.parts.items["vectors"][7], dtype=np.float64)
    like[-1] += 100  # the bias: everybody's first
    frame = pl.DataFrame({"id": [900_003], "vector": [like.tolist()]})
    assert indexing.add(bundle, frame).by == "given vectors"
    after = Bundle.open(folder)
    assert ids(after, user=user(after), k=1) == [900_003]


def test_removed_items_never_come_back(folder: Path) -> None:
    bundle = Bundle.open(folder)
    first = ids(bundle, user=user(bundle), k=5)
    indexing.remove(bundle, first[:2])
    after = Bundle.open(folder)
    rest = ids(after, user=user(after), k=400)
    assert not set(first[:2]) & set(rest)
    assert rest[:3] == first[2:]
    popular = after.items.ids.decode(np.argsort(-after.popularity)[:1].astype(np.int32))[0]
    indexing.remove(after, [popular])
    assert popular not in ids(Bundle.open(folder), history=[], k=50)
    again = Bundle.open(folder)
    assert indexing.report(again)["removed"] >= 2


def test_refresh_folds_everything_into_one_index(folder: Path) -> None:
    bundle = Bundle.open(folder)
    indexing.add(bundle, NEW)
    gone = ids(bundle, user=user(bundle), k=1)
    indexing.remove(Bundle.open(folder), gone)
    before = Bundle.open(folder)
    expected = ids(before, user=user(before), k=20)
    indexing.refresh(before, RetrieveSettings(kind="ivf", probes=400, lists=4))
    after = Bundle.open(folder)
    assert after.record is not None
    assert after.record.added == after.record.removed == ()
    assert ids(after, user=user(after), k=20) == expected
    assert indexing.report(after)["recall"] == pytest.approx(1.0, abs=0.02)
    listed = {file.name for file in after.record.files}
    assert {path.name for path in (folder / "index").iterdir()} == listed
    indexing.refresh(after, RetrieveSettings(kind="flat"))
    assert ids(Bundle.open(folder), user=user(after), k=20) == expected


def test_a_kill_before_the_manifest_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.open(folder)
    expected = ids(bundle, user=user(bundle), k=10)

    def killed(self: Manifest, folder: Path) -> None:
        raise KeyboardInterrupt

    for change in (
        lambda b: indexing.add(b, NEW),
        lambda b: indexing.remove(b, [expected[0]]),
        indexing.refresh,
    ):
        with monkeypatch.context() as patch:
            patch.setattr(Manifest, "write", killed)
            with pytest.raises(KeyboardInterrupt):
                change(Bundle.open(folder))
        after = Bundle.open(folder)
        assert after.manifest.generation == 1
        assert ids(after, user=user(after), k=10) == expected
    indexing.add(Bundle.open(folder), NEW)  # over what the killed one left behind
    after = Bundle.open(folder)
    assert set(ids(after, user=user(after), allow=[900_001, 900_002])) == {900_001, 900_002}


def test_it_is_measured_as_it_answers(run: Run, folder: Path) -> None:
    plain = run.evaluate().values()["ndcg@10"]
    assert BundleRun(folder).evaluate().values()["ndcg@10"] == pytest.approx(plain, rel=0.05)
    indexing.add(Bundle.open(folder), NEW)
    after = BundleRun(folder).evaluate().values()["ndcg@10"]
    assert after == pytest.approx(plain, rel=0.05)
    check_golden(Bundle.open(folder))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"title": ["x"]}), "no column id"),
        (pl.DataFrame({"id": [1], "genres": ["Comedy"]}), "in the bundle already"),
        (pl.DataFrame({"id": [900_001, 900_001], "genres": ["Comedy"] * 2}), "twice"),
        (pl.DataFrame({"id": ["tt7"], "genres": ["Comedy"]}), "no id of this bundle"),
        (pl.DataFrame({"id": [900_001], "mood": ["merry"]}), "none of the bundle's features"),
        (pl.DataFrame({"id": [900_001], "vector": [[1.0, 2.0]]}), "finite numbers"),
        (pl.DataFrame({"id": [], "genres": []}, schema={"id": pl.Int64, "genres": pl.String}), "e"),
    ],
)
def test_bad_items_are_named_and_nothing_changes(
    folder: Path, frame: pl.DataFrame, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        indexing.add(Bundle.open(folder), frame)
    assert Bundle.open(folder).manifest.generation == 1


def test_unknown_items_are_not_removed(folder: Path) -> None:
    with pytest.raises(UserError, match="unknown item 'nowhere'"):
        indexing.remove(Bundle.open(folder), ["nowhere"])


def test_a_registry_takes_the_index_along(folder: Path, tmp_path: Path) -> None:
    """Its files are listed by the index's own record, not by the manifest."""
    registry = Registry("cinesync", tmp_path / "models")
    registry.add(folder, "films", force=True)
    registry.activate("films", "1")
    there, here = Bundle.open(registry.resolve("films")), Bundle.open(folder)
    assert (there.index is None) == (here.index is None)
    assert registry.verify("films") == {"1": None}
    assert there.recommend(history=["1"], k=3).items == here.recommend(history=["1"], k=3).items
    for file in (there.folder / "index").glob("*"):
        file.write_bytes(file.read_bytes()[:-1] + b"x")
        assert "corrupt" in str(registry.verify("films")["1"])

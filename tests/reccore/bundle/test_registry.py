"""The registry: whole versions or none, one champion, and a failure that changes nothing."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reccore.bundle.bundle import Bundle
from reccore.bundle.golden import golden_requests, write_golden
from reccore.bundle.manifest import Manifest
from reccore.bundle.parts import Export
from reccore.bundle.registry import Registry, locked
from reccore.bundle.write import listed, seal, write_parts
from reccore.data.dataset import Table
from reccore.data.ids import IdMap
from reccore.errors import UserError


def make(folder: Path, shift: float = 0.0, **facts: object) -> Path:
    """A bundle of five items with the same scores for everyone."""
    items = Table(IdMap(pl.Series([f"i{n}" for n in range(5)])))
    scores = np.arange(5, dtype=np.float32) + np.float32(shift)
    parts = Export("constant", items={"score": scores})
    known = {
        "product": "films",
        "model": "popularity",
        "data": "drawn",
        "served": {"diversity": 0.0},
        "minimum_version": "0.1.0",
        "blessed": True,
        **facts,
    }
    write_parts(folder, parts, items, scores, None)
    seal(folder, parts, known)
    bundle = Bundle(folder, Manifest.read(folder))
    write_golden(folder, bundle, golden_requests(items, scores, None))
    seal(folder, parts, known)
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry("films", tmp_path / "models")


@pytest.fixture
def two(registry: Registry, tmp_path: Path) -> Registry:
    """Version 1 is champion, version 2 its challenger."""
    registry.add(make(tmp_path / "one"), "ranker")
    registry.activate("ranker", "1")
    registry.add(make(tmp_path / "two", shift=1), "ranker", challenger=True)
    return registry


def test_versions_count_up_and_hold_the_same_bytes(registry: Registry, tmp_path: Path) -> None:
    bundle = make(tmp_path / "bundle")
    (bundle / "stray.txt").write_text("not listed")
    assert [registry.add(bundle, "ranker") for _ in range(3)] == ["1", "2", "3"]
    copy = registry.resolve("ranker", "2")
    names = sorted(Manifest.read(bundle).files)
    found = sorted(p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file())
    assert found == sorted([*names, "manifest.json"])
    assert all((copy / name).read_bytes() == (bundle / name).read_bytes() for name in names)
    assert registry.aliases("ranker") == {}
    Bundle.open(copy)


def test_numbers_are_ordered_by_size_and_words_follow(registry: Registry, tmp_path: Path) -> None:
    bundle = make(tmp_path / "bundle")
    for version in ("10", "beta", "9"):
        registry.add(bundle, "ranker", version)
    assert registry.add(bundle, "ranker") == "11"
    assert registry.versions("ranker") == ["9", "10", "11", "beta"]


def test_a_version_is_never_replaced(two: Registry, tmp_path: Path) -> None:
    before = (two.resolve("ranker", "1") / "manifest.json").read_bytes()
    with pytest.raises(UserError, match="ranker 1 exists"):
        two.add(tmp_path / "two", "ranker", "1")
    assert (two.resolve("ranker", "1") / "manifest.json").read_bytes() == before


def test_a_bundle_without_blessing_needs_force(registry: Registry, tmp_path: Path) -> None:
    bundle = make(tmp_path / "bundle", blessed=False)
    with pytest.raises(UserError, match="not blessed"):
        registry.add(bundle, "ranker")
    assert registry.list() == []
    assert registry.add(bundle, "ranker", force=True) == "1"


def test_a_bundle_of_the_other_product_is_refused(two: Registry, tmp_path: Path) -> None:
    other = Registry("gifts", two.root)
    with pytest.raises(UserError, match="a bundle of films, not gifts"):
        other.add(tmp_path / "one", "ranker")
    with pytest.raises(UserError, match="a bundle of films, not gifts"):
        other.activate("ranker", "2")
    assert other.list() == []
    assert two.aliases("ranker") == {"champion": "1", "challenger": "2"}


@pytest.mark.parametrize("word", ["", "..", "a/b", "../x", ".hidden", "a..b", "a b", "ü", "x\n"])
def test_names_and_versions_are_plain(registry: Registry, tmp_path: Path, word: str) -> None:
    bundle = make(tmp_path / "bundle")
    with pytest.raises(UserError, match="is not plain"):
        registry.add(bundle, word)
    with pytest.raises(UserError, match="is not plain"):
        registry.add(bundle, "ranker", word)
    assert not registry.root.exists()


def test_an_alias_is_no_version(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="word of the registry"):
        registry.add(make(tmp_path / "bundle"), "ranker", "champion")


def test_a_damaged_bundle_leaves_nothing_behind(registry: Registry, tmp_path: Path) -> None:
    bundle = make(tmp_path / "bundle")
    (bundle / "popularity.npy").write_bytes(b"something else")
    with pytest.raises(UserError, match="corrupt"):
        registry.add(bundle, "ranker")
    assert [p.name for p in (registry.root / "ranker").iterdir()] == []


def test_an_add_that_is_killed_leaves_no_version(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make(tmp_path / "bundle")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reccore.bundle.registry.verify", killed)
    monkeypatch.setattr("reccore.bundle.registry.shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(KeyboardInterrupt):
        registry.add(bundle, "ranker")
    monkeypatch.undo()
    (husk,) = (registry.root / "ranker").glob(".adding-*")
    assert registry.versions("ranker") == []
    assert registry.add(bundle, "ranker") == "1"
    assert husk.exists(), "it may be another process's, at work"
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(husk, (long_ago, long_ago))
    registry.add(bundle, "ranker")
    assert not husk.exists()


def test_activation_moves_champion_to_previous_and_rollback_back(two: Registry) -> None:
    assert two.activate("ranker") == {"champion": "2", "previous": "1"}
    assert two.resolve("ranker") == two.root / "ranker" / "2"
    assert two.resolve("ranker", "previous").name == "1"
    assert two.rollback("ranker") == {"champion": "1"}
    with pytest.raises(UserError, match="no previous"):
        two.rollback("ranker")
    assert two.aliases("ranker") == {"champion": "1"}


def test_activating_the_champion_changes_nothing(two: Registry) -> None:
    two.activate("ranker")
    before = two.aliases("ranker")
    assert two.activate("ranker", "champion") == before
    assert two.challenge("ranker", "2") == before


def flip(folder: Path) -> None:
    path = folder / "items" / "score.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


def remove(folder: Path) -> None:
    (folder / "popularity.npy").unlink()


def other_answers(folder: Path) -> None:
    """Whole files whose golden answers are not what the model says."""
    path = folder / "golden-1.json"
    rows = json.loads(path.read_text())
    for row in rows:
        row["items"] = [[item, score + 0.5] for item, score in row["items"]]
    path.write_text(json.dumps(rows))
    reseal(folder)


def no_model(folder: Path) -> None:
    """Whole files, an array of which is none."""
    (folder / "items" / "score.npy").write_bytes(b"not an array")
    reseal(folder)


def fewer_scores(folder: Path) -> None:
    """Whole files that fail as soon as they are asked."""
    np.save(folder / "items" / "score.npy", np.zeros(2, np.float32))
    reseal(folder)


def no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def reseal(folder: Path) -> None:
    Manifest({**Manifest.read(folder).facts, "files": listed(folder)}).write(folder)


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (flip, "is corrupt"),
        (remove, r"lacks popularity\.npy"),
        (other_answers, "golden request 1 otherwise"),
        (no_model, "not an array"),
        (fewer_scores, "Error"),
        (no_manifest, r"no manifest\.json"),
    ],
)
@pytest.mark.parametrize("how", ["activate", "rollback"])
def test_a_failing_activation_keeps_the_champion_and_says_why(
    two: Registry, harm: Callable[[Path], None], why: str, how: str
) -> None:
    if how == "activate":
        harm(two.resolve("ranker", "challenger"))
    else:
        two.activate("ranker")
        harm(two.resolve("ranker", "previous"))
    before = (two.root / "ranker" / "aliases.json").read_bytes()
    champion = two.aliases("ranker")["champion"]
    with pytest.raises(UserError, match=why) as refused:
        two.activate("ranker") if how == "activate" else two.rollback("ranker")
    assert f"the champion stays {champion}" in str(refused.value)
    assert (two.root / "ranker" / "aliases.json").read_bytes() == before
    Bundle.open(two.resolve("ranker"))


def test_verify_finds_the_damaged_version_and_list_still_shows_it(two: Registry) -> None:
    flip(two.resolve("ranker", "challenger"))
    found = two.verify("ranker")
    assert found["1"] is None
    assert "score.npy is corrupt" in str(found["2"])
    assert two.verify("ranker", "champion") == {"1": None}
    no_manifest(two.root / "ranker" / "2")
    rows = {row.version: row for row in two.list()}
    assert rows["1"].facts["model"] == "popularity"
    assert rows["1"].aliases == ("champion",)
    assert "no manifest.json" in str(rows["2"].problem)


def test_what_is_not_there_is_named_with_what_is(two: Registry) -> None:
    with pytest.raises(UserError, match=r"no model 'rank' in .* \(known: ranker\)"):
        two.resolve("rank")
    with pytest.raises(UserError, match=r"no version 7 \(known: 1, 2\)"):
        two.resolve("ranker", "7")
    with pytest.raises(UserError, match="ranker has no previous"):
        two.resolve("ranker", "previous")
    with pytest.raises(UserError, match=r"no version 7"):
        two.verify("ranker", "7")


@pytest.mark.parametrize("text", ["{", "[]", '{"champion": "../../x"}', '{"champion": 3}'])
def test_damaged_aliases_are_refused_by_name(two: Registry, text: str) -> None:
    (two.root / "ranker" / "aliases.json").write_text(text)
    with pytest.raises(UserError, match=r"aliases\.json is corrupt"):
        two.resolve("ranker")


def test_a_copied_bundle_is_recognised(two: Registry, tmp_path: Path) -> None:
    assert two.holding("ranker", tmp_path / "two") == "2"
    assert two.holding("ranker", make(tmp_path / "three", shift=2)) is None
    assert two.holding("nobody", tmp_path / "two") is None


def test_threads_that_add_get_versions_of_their_own(registry: Registry, tmp_path: Path) -> None:
    bundle = make(tmp_path / "bundle")
    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(lambda _: registry.add(bundle, "ranker"), range(12)))
    assert sorted(map(int, versions)) == list(range(1, 13))
    assert set(registry.verify("ranker").values()) == {None}


def test_threads_that_add_the_same_version_have_one_winner(
    registry: Registry, tmp_path: Path
) -> None:
    bundle = make(tmp_path / "bundle")

    def add(_: int) -> bool:
        try:
            registry.add(bundle, "ranker", "blue")
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(8))) == 1
    assert registry.verify("ranker") == {"blue": None}


ACTIVATE = """
import sys
from reccore.bundle.registry import Registry
registry = Registry("films", sys.argv[1], prove=lambda _: None)
for _ in range(40):
    registry.activate("ranker", sys.argv[2])
"""


def test_processes_that_activate_never_interleave(two: Registry) -> None:
    """Any order of whole activations leaves champion and previous different, none lost."""
    words = [sys.executable, "-c", ACTIVATE, str(two.root)]
    workers = [subprocess.Popen([*words, version]) for version in ("1", "2")]
    while any(worker.poll() is None for worker in workers):
        seen = two.aliases("ranker")
        assert {seen["champion"], seen.get("previous")} in ({"1", None}, {"1", "2"})
    assert [worker.returncode for worker in workers] == [0, 0]
    last = two.aliases("ranker")
    assert {last["champion"], last["previous"]} == {"1", "2"}


def test_a_lock_that_is_held_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        locked(path, "the registry"),
        pytest.raises(UserError, match="the registry is in use"),
        locked(path, "the registry", patience=0.05),
    ):
        pass
    with locked(path, "the registry", patience=0):
        pass


def test_a_registry_can_be_moved(two: Registry, tmp_path: Path) -> None:
    moved = Registry("films", Path(shutil.move(two.root, tmp_path / "elsewhere")))
    assert moved.activate("ranker") == {"champion": "2", "previous": "1"}

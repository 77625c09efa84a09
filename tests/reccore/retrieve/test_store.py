import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reccore.errors import UserError
from reccore.files import sha256
from reccore.retrieve import index as module
from reccore.retrieve import store
from reccore.retrieve.choose import RetrieveSettings
from reccore.retrieve.exact import Part
from reccore.retrieve.hnsw import Hnsw
from reccore.retrieve.index import Index
from reccore.retrieve.ivf import Ivf
from reccore.retrieve.record import Record

NEEDS_FAISS = "FAISS is an extra: pip install 'giftrec[cpu]'"
ITEMS, DIM = 900, 8
VECTORS = np.random.default_rng(0).integers(-20, 21, (ITEMS, DIM)).astype(np.float32)
QUERIES = np.random.default_rng(1).integers(-9, 10, (40, DIM)).astype(np.float32)
NEW = np.random.default_rng(2).integers(-30, 31, (50, DIM)).astype(np.float32)


def build(kind):
    if kind == "flat":
        return Index.flat(VECTORS)
    pytest.importorskip("faiss", reason=NEEDS_FAISS)
    structure = Ivf.build(VECTORS, 16, 16, 0) if kind == "ivf" else Hnsw.build(VECTORS, 16, 400)
    return Index(Part.of(VECTORS), structure)


@pytest.fixture(params=["flat", "ivf", "hnsw"])
def kind(request, monkeypatch):
    monkeypatch.setattr(module, "READ", 1e9)  # approximate, whatever the size
    return request.param


def same(one, other, **filters):
    found, expected = one.search(QUERIES, 10, **filters), other.search(QUERIES, 10, **filters)
    return np.array_equal(found[0], expected[0]) and np.array_equal(found[1], expected[1])


def test_what_is_written_is_loaded(kind, tmp_path):
    index = build(kind)
    record = store.write(tmp_path, index)
    assert (record.generation, record.kind, record.count, record.dim) == (1, kind, ITEMS, DIM)
    assert record.parameters == index.parameters
    record = Record.of_json(json.loads(json.dumps(record.to_json())))
    loaded = store.load(tmp_path, record)
    assert same(loaded, index)
    assert (loaded.kind, loaded.parameters, len(loaded)) == (kind, index.parameters, ITEMS)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {file.name for file in record.files}
    assert record.bytes == sum((tmp_path / name).stat().st_size for name in names)


def test_added_items_get_the_next_codes_and_are_found_at_once(kind, tmp_path):
    first = store.write(tmp_path, build(kind))
    second = store.append(tmp_path, first, NEW[:30])
    third = store.append(tmp_path, second, NEW[30:])
    assert (third.generation, third.count, len(third.added)) == (3, ITEMS + 50, 2)
    loaded = store.load(tmp_path, third)
    whole = Index.flat(np.concatenate([VECTORS, NEW]))
    assert same(loaded.exactly(), whole)
    found = loaded.search(NEW, 1)[0][:, 0]
    assert np.array_equal(found, whole.search(NEW, 1)[0][:, 0])
    assert same(store.load(tmp_path, first), build(kind)), "the old record must not change"


def test_removed_items_are_never_returned_again(kind, tmp_path):
    record = store.append(tmp_path, store.write(tmp_path, build(kind)), NEW)
    best = store.load(tmp_path, record).search(QUERIES, 5)[0]
    record = store.remove(tmp_path, record, best[:, 0])
    record = store.remove(tmp_path, record, best[:, :2])  # some of them again
    loaded = store.load(tmp_path, record)
    gone = np.unique(best[:, :2])
    assert len(loaded) == ITEMS + 50 - len(gone)
    items, _ = loaded.search(QUERIES, 30)
    assert not np.isin(items, gone).any()
    assert (items >= 0).all()


def test_a_refresh_keeps_codes_and_forgets_what_was_removed(kind, tmp_path):
    record = store.append(tmp_path, store.write(tmp_path, build(kind)), NEW)
    gone = np.array([0, 7, ITEMS - 1, ITEMS, ITEMS + 49])
    before = store.remove(tmp_path, record, gone)
    after = store.refresh(tmp_path, before)
    assert (after.kind, after.generation, after.count) == (kind, 4, ITEMS + 50)
    assert (after.added, after.removed, after.covered) == ((), (), ITEMS + 50)
    old, new = store.load(tmp_path, before), store.load(tmp_path, after)
    assert same(new.exactly(), old.exactly())
    assert len(new) == len(old) == ITEMS + 45
    stored = np.load(tmp_path / after.vectors.name)
    assert len(stored) == ITEMS + 45, "a removed vector must not be in the new base"
    allowed = np.random.default_rng(4).random(ITEMS + 50) < 0.5
    assert same(new.exactly(), old.exactly(), allowed=allowed)
    again = store.append(tmp_path, after, NEW[:1])
    assert again.count == ITEMS + 51, "codes are never given twice"
    found = store.load(tmp_path, store.remove(tmp_path, again, [1])).search(QUERIES, 900)[0]
    assert not np.isin(found, [*gone, 1]).any()
    assert (found == ITEMS + 50).any()


def test_a_refresh_may_change_the_kind(tmp_path):
    pytest.importorskip("faiss", reason=NEEDS_FAISS)
    record = store.write(tmp_path, build("flat"))
    settings = RetrieveSettings(kind="ivf", lists=8, probes=8)
    after = store.refresh(tmp_path, record, settings, queries=QUERIES)
    assert after.parameters == {"lists": 8, "probes": 8}
    assert same(store.load(tmp_path, after).exactly(), build("flat"))


def test_an_index_may_lose_everything(tmp_path):
    record = store.remove(tmp_path, store.write(tmp_path, build("flat")), np.arange(ITEMS))
    for one in (record, store.refresh(tmp_path, record)):
        index = store.load(tmp_path, one)
        assert len(index) == 0
        assert (index.search(QUERIES, 3)[0] == -1).all()
    again = store.append(tmp_path, store.refresh(tmp_path, record), NEW)
    assert store.load(tmp_path, again).search(QUERIES, 1)[0].min() >= ITEMS


def test_an_index_with_changes_is_written_whole(kind, tmp_path):
    record = store.append(tmp_path / "a", store.write(tmp_path / "a", build(kind)), NEW)
    index = store.load(tmp_path / "a", store.remove(tmp_path / "a", record, [3, ITEMS + 3]))
    copy = store.write(tmp_path / "b", index, generation=9)
    assert copy.generation == 9
    loaded = store.load(tmp_path / "b", copy)
    assert same(loaded, index)
    assert len(loaded) == len(index)


def test_the_report_measures_the_stored_index(kind, tmp_path):
    record = store.write(tmp_path, build(kind))
    for queries in (QUERIES, None):
        measured = store.report(tmp_path, record, queries)
        assert measured.kind == kind
        assert measured.recall >= 0.9
        assert measured.qps > 0


@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "link"])
def test_damage_is_refused_by_the_name_of_the_file(kind, damage, tmp_path):
    record = store.append(tmp_path, store.write(tmp_path, build(kind)), NEW)
    record = store.remove(tmp_path, record, [1])
    for file in record.files:
        path, aside = tmp_path / file.name, tmp_path / "aside"
        shutil.copy(path, aside)
        content = bytearray(path.read_bytes())
        if damage == "flip":
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        elif damage == "cut":
            path.write_bytes(content[:-1])
        else:
            path.unlink()
            if damage == "link":
                path.symlink_to(aside)
        with pytest.raises(UserError, match=file.name):
            store.load(tmp_path, record)
        path.unlink(missing_ok=True)
        aside.replace(path)
    store.load(tmp_path, record)


@pytest.mark.parametrize(
    "name", ["../x.npy", "/etc/passwd", "a/b.npy", "..", "", "a\\b.npy", "a\0"]
)
def test_a_record_cannot_name_files_elsewhere(name, tmp_path):
    record = store.write(tmp_path, build("flat"))
    tree = record.to_json()
    tree["vectors"]["name"] = name
    with pytest.raises(UserError, match="is not a plain name"):
        store.load(tmp_path, Record.of_json(tree))


def test_records_that_disagree_with_their_files_are_refused(tmp_path):
    tree = store.append(tmp_path, store.write(tmp_path, build("flat")), NEW).to_json()
    with pytest.raises(UserError, match="counts 951 codes"):
        Record.of_json({**tree, "count": ITEMS + 51})
    with pytest.raises(UserError, match=r"is of kind ivf with parameters .* and no structure"):
        Record.of_json({**tree, "kind": "ivf"})
    with pytest.raises(UserError, match="unknown setting colour in the index's record"):
        Record.of_json({**tree, "colour": "red"})
    with pytest.raises(UserError, match=r"is float32 \[900, 8\]"):
        store.load(tmp_path, Record.of_json({**tree, "dim": 9}))
    other = {**tree, "vectors": {**tree["vectors"], "rows": 10}}
    with pytest.raises(UserError, match=r"its record says float32 \[10, 8\]"):
        store.load(tmp_path, Record.of_json(other))


def test_a_pickle_is_no_table(tmp_path):
    record = store.write(tmp_path, build("flat"))
    path = tmp_path / record.vectors.name
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    size, digest = path.stat().st_size, sha256(path)
    tree = record.to_json()
    tree["vectors"] |= {"bytes": size, "sha256": digest}
    with pytest.raises(UserError, match="is no table"):
        store.load(tmp_path, Record.of_json(tree))


def test_bad_additions_and_removals_are_refused(tmp_path):
    record = store.write(tmp_path, build("flat"))
    before = sorted(tmp_path.iterdir())
    for bad in (np.empty((0, DIM)), np.zeros((2, DIM + 1))):
        with pytest.raises(UserError, match="each of 8 numbers"):
            store.append(tmp_path, record, bad)
    with pytest.raises(UserError, match="NaN or infinite: row 1"):
        store.append(tmp_path, record, np.where(np.arange(3)[:, None] == 1, np.nan, NEW[:3]))
    for bad, code in (([-1, 3], -1), ([3, ITEMS], ITEMS)):
        with pytest.raises(UserError, match=f"no item has code {code}"):
            store.remove(tmp_path, record, bad)
    with pytest.raises(UserError, match="no item codes to remove"):
        store.remove(tmp_path, record, [])
    assert sorted(tmp_path.iterdir()) == before


def test_the_same_items_twice_are_one_file_and_two_codes_each(tmp_path):
    record = store.write(tmp_path, build("flat"))
    for _ in range(2):
        record = store.append(tmp_path, record, NEW)
    assert record.added[0] == record.added[1]
    assert store.load(tmp_path, record).search(NEW, 900)[0].max() == ITEMS + 99


KILLED = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from reccore.retrieve import store
from reccore.retrieve.record import Record
folder, change, when = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
record = Record.of_json(json.loads((folder / "manifest.json").read_text()))
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if when == "before the name":
    Path.replace = die
elif when == "before the flush":
    os.fsync = die
if change == "append":
    record = store.append(folder, record, np.ones((5, record.dim)))
elif change == "remove":
    record = store.remove(folder, record, [1, 2])
else:
    record = store.refresh(folder, record)
die()  # the manifest was about to be replaced
"""


@pytest.mark.parametrize(
    ("change", "when"),
    [
        ("append", "before the flush"),
        ("append", "before the name"),
        ("append", "before the manifest"),
        ("remove", "before the manifest"),
        ("refresh", "before the name"),
        ("refresh", "before the manifest"),
    ],
)
def test_a_kill_before_the_manifest_loses_nothing(change, when, tmp_path):
    record = store.append(tmp_path, store.write(tmp_path, build("flat")), NEW)
    record = store.remove(tmp_path, record, [5])
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(record.to_json()))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), change, when],
        check=False,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"POLARS_MAX_THREADS": "1"},
    )
    assert done.returncode == -signal.SIGKILL
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {name: after[name] for name in before} == before
    assert len(after) > len(before), "the kill came too early to test anything"
    reread = Record.of_json(json.loads(manifest.read_text()))
    assert same(store.load(tmp_path, reread), store.load(tmp_path, record))
    going_on = store.append(tmp_path, reread, np.ones((5, DIM)))
    assert len(store.load(tmp_path, going_on)) == ITEMS + 50 - 1 + 5

"""A bundle's items as an index that grows: add, remove, refresh, report, each a new generation.

New content lies in files of its own, `segment-N/` and `index/`; the manifest that lists it is
written last. A kill before that leaves the old generation, whole; after it the new one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from reccore.bundle.bundle import Bundle
from reccore.bundle.manifest import INDEX as FOLDER
from reccore.bundle.manifest import Manifest, entry
from reccore.bundle.scorer import Vectors
from reccore.bundle.tables import new_items
from reccore.data.dataset import Table
from reccore.data.ids import Codes, ExternalId
from reccore.data.interactions import UNKNOWN, Floats
from reccore.data.tables import write_table
from reccore.errors import UserError
from reccore.files import write_array
from reccore.recommender import UserBatch
from reccore.retrieve import store
from reccore.retrieve.choose import RetrieveSettings, choose
from reccore.retrieve.record import Record

ASKED = 2000  # users whose vectors the index is chosen for
RIDGE = 1.0  # of the least squares from features to vectors
LEARNED_FROM = 100_000  # items it looks at, at most


@dataclass(frozen=True)
class Added:
    """What came in, and how its vectors came to be: given, or from the items' features."""

    manifest: Manifest
    items: int
    by: str


def build(bundle: Bundle, settings: RetrieveSettings, seed: int = 0) -> dict[str, Any] | None:
    """The facts of an index for the bundle, its files written; None where nothing has vectors."""
    scorer = bundle.scorer
    if not isinstance(scorer, Vectors):
        if settings.kind not in ("auto", "flat"):
            raise UserError(
                f"{bundle.manifest['model']} has no vectors for an index of kind {settings.kind}",
                "use kind auto or flat",
            )
        return None
    index, report = choose(scorer.item_vectors, settings, seed, _queries(bundle, seed))
    record = None
    if index.kind != "flat":
        record = store.write(bundle.folder / FOLDER, index).to_json()
    return {"record": record, "report": report.to_json(), "settings": settings.model_dump()}


def _queries(bundle: Bundle, seed: int) -> Floats | None:
    """Known users' vectors: what the index will be asked."""
    assert isinstance(bundle.scorer, Vectors)
    if bundle.users is None or len(bundle.users) < 2:
        return None
    draw = np.random.default_rng(seed)
    some = draw.permutation(len(bundle.users))[:ASKED].astype(np.int32)
    seen = bundle.seen.take(some)
    now = None if seen.times is None else np.full(len(some), seen.times.max(initial=UNKNOWN))
    return bundle.scorer.user_vectors(UserBatch(some, seen, now))


def add(bundle: Bundle, frame: pl.DataFrame) -> Added:
    """New items, visible at once, without training: columns id, title, features, or `vector`.

    Without vectors an item stands where its features put it: least squares from the features of
    the items that are there to their vectors.
    """
    scorer, before = _vectors(bundle), bundle.manifest
    table = new_items(frame, bundle.items)
    if not len(table):
        raise UserError("the file of items is empty", "give 1 or more")
    given = "vector" in frame.columns
    rows = {
        name: _given(frame["vector"], array, name)
        if given
        else _from_features(bundle, table, array)
        for name, array in scorer.parts.items.items()
    }
    number = before.generation + 1
    folder = bundle.folder / f"segment-{number}"
    write_table(folder, "items", table)
    for name, array in rows.items():
        write_array(folder / f"{name}.npy", array)
    listed = {
        path.relative_to(bundle.folder).as_posix(): entry(path) for path in sorted(folder.iterdir())
    }
    facts: dict[str, Any] = {"segments": [*before["segments"], folder.name]}
    record = bundle.record
    if record is not None:
        record = store.append(bundle.folder / FOLDER, record, rows["vectors"])
        facts["index"] = {**before["index"], "record": record.to_json()}
    after = before.next(**facts, files={**before.files, **listed})
    after.write(bundle.folder)
    return Added(after, len(table), "given vectors" if given else "features")


def remove(bundle: Bundle, items: list[ExternalId]) -> Manifest:
    """Never recommend these again. They stay in histories, which they still explain."""
    codes = bundle.codes(items)
    if (codes < 0).any():
        unknown = items[int(np.flatnonzero(codes < 0)[0])]
        raise UserError(f"unknown item {unknown!r}", "nothing was removed")
    before = bundle.manifest
    gone = sorted({*before["removed"], *(int(code) for code in codes)})
    facts: dict[str, Any] = {"removed": gone}
    record = bundle.record
    if record is not None:
        record = store.remove(bundle.folder / FOLDER, record, codes)
        facts["index"] = {**before["index"], "record": record.to_json()}
    after = before.next(**facts)
    after.write(bundle.folder)
    return after


def refresh(bundle: Bundle, settings: RetrieveSettings | None = None, seed: int = 0) -> Manifest:
    """Choose and build the index anew over all that is left."""
    _vectors(bundle)
    before = bundle.manifest
    how = settings or RetrieveSettings(**before["index"]["settings"])
    record = bundle.record
    if record is None:
        index = build(bundle, how, seed)
    else:
        fresh = store.refresh(bundle.folder / FOLDER, record, how, seed, _queries(bundle, seed))
        kept = None if fresh.kind == "flat" else fresh.to_json()
        index = {**before["index"], "record": kept, "settings": how.model_dump()}
    after = before.next(index=index)
    after.write(bundle.folder)
    _sweep(bundle.folder, record, index)
    return after


def _sweep(folder: Path, before: Record | None, index: dict[str, Any] | None) -> None:
    """Delete index files that no manifest lists any more."""
    kept = set()
    if index is not None and index["record"] is not None:
        kept = {file.name for file in Record.of_json(index["record"]).files}
    for file in () if before is None else before.files:
        if file.name not in kept:
            (folder / FOLDER / file.name).unlink(missing_ok=True)


def report(bundle: Bundle, sample: int = 500, seed: int = 0) -> dict[str, Any]:
    """Recall@10 and speed of the index beside exact search, on known users' vectors."""
    _vectors(bundle)
    facts = {"generation": bundle.manifest.generation, "items": len(bundle.items)}
    facts |= {"removed": len(bundle.manifest["removed"])}
    record = bundle.record
    if record is None:
        return {**facts, "kind": "flat", "recall": 1.0}
    queries = _queries(bundle, seed)
    queries = None if queries is None else queries[:sample]
    measured = store.report(bundle.folder / FOLDER, record, queries, sample=sample, seed=seed)
    return {**facts, **vars(measured)}


def _vectors(bundle: Bundle) -> Vectors:
    if not isinstance(bundle.scorer, Vectors):
        raise UserError(
            f"{bundle.manifest['model']} scores without vectors, so it has no index",
            "train it again with the new items, or serve a two-tower or ials",
        )
    return bundle.scorer


def _given(column: pl.Series, array: npt.NDArray[Any], name: str) -> Floats:
    rows = np.array(column.to_list(), dtype=np.float32)
    width = array.shape[1]
    if rows.ndim != 2 or rows.shape[1] < width or not np.isfinite(rows).all():
        raise UserError(
            f"vectors are {list(rows.shape)}", f"{name} needs {width} finite numbers an item"
        )
    return np.ascontiguousarray(rows[:, :width])


def _from_features(bundle: Bundle, table: Table, array: npt.NDArray[Any]) -> Floats:
    """Rows of one item array for new items: ridge regression on words, and a constant."""
    shared = [name for name in table.features if name in bundle.items.features]
    if not shared:
        raise UserError(
            "the new items have none of the bundle's features, so nothing says what they are like",
            f"give {', '.join(bundle.items.features) or 'a column vector'}",
        )
    draw = np.random.default_rng(0)
    count = min(len(bundle.items), len(array))
    some = np.sort(draw.permutation(count)[:LEARNED_FROM]).astype(np.int32)
    parts = [_hot(bundle.items, table, name, some) for name in shared]
    known, new = (np.concatenate(side, axis=1) for side in zip(*parts, strict=True))
    known, new = (np.hstack([side, np.ones((len(side), 1))]) for side in (known, new))
    gram = known.T @ known
    gram[np.diag_indices_from(gram)] += RIDGE
    weights = np.linalg.solve(gram, known.T @ np.asarray(array[some], dtype=np.float64))
    rows: Floats = (new @ weights).astype(np.float32)
    return rows


def _hot(known: Table, new: Table, name: str, some: Codes) -> tuple[Floats, Floats]:
    """One feature of both tables as words of the known one: [n, V] and [m, V]."""
    bags, mine = known.features[name], new.features[name]
    place = {word: code for code, word in enumerate(bags.vocabulary)}
    moved = np.array([place.get(word, -1) for word in mine.vocabulary], dtype=np.int32)
    hot = np.zeros((len(new), len(bags.vocabulary)), dtype=np.float32)
    rows = np.repeat(np.arange(len(new)), np.diff(mine.offsets))
    words = moved[mine.words]
    hot[rows[words >= 0], words[words >= 0]] = 1
    lengths = np.diff(bags.offsets)[some]
    starts = np.repeat(bags.offsets[some] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    before = np.zeros((len(some), len(bags.vocabulary)), dtype=np.float32)
    at = starts + np.arange(int(lengths.sum()))
    before[np.repeat(np.arange(len(some)), lengths), bags.words[at]] = 1
    return before, hot

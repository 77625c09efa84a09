"""Who answers in these measurements, and what is asked: made once, kept in checkpoints/benchmarks.

people       made up: 10,000 items x 64, 20,000 known users; version 2 knows the same people and
             none of the same items, so that an answer that mixes the two can be told
large        made up: 100,000 items x 128
million      made up: 1,000,000 items x 64 as trained two-tower vectors look, with an index
sasrec, two-tower
             trained on ML-1M for one epoch: what an answer costs does not depend on its quality
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.ground import RUNS
from benchmarks.record import data_root
from benchmarks.retrieval import hard_vectors
from reccore.bundle import indexing
from reccore.bundle.bundle import Bundle
from reccore.bundle.golden import golden_requests, write_golden
from reccore.bundle.parts import Export, Graph
from reccore.bundle.registry import Registry
from reccore.bundle.write import People, seal, write_parts
from reccore.data.dataset import Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Floats, Histories
from reccore.data.seeds import rng
from reccore.retrieve.choose import RetrieveSettings

KEPT = RUNS / "serving"
ROOT = KEPT / "models"
USERS = 20_000
ITEMS = 10_000
APART = 1_000_000  # from an item's id in version 1 of people to the one in version 2
LONGEST = 200  # items of a real history that are sent: what SASRec reads
EPOCHS = 1
MILLION = 1_000_000
Make = Callable[[Path], None]


def registry() -> Registry:
    return Registry("cinesync", ROOT)


def people() -> str:
    """Version 1 is the champion."""
    for version in ("1", "2"):
        _registered("people", version, partial(_people, version=int(version)))
    aliases = registry().aliases("people")
    if aliases.get("champion") != "1" or "previous" in aliases:  # a run was cut short
        (ROOT / "people" / "aliases.json").unlink(missing_ok=True)
        registry().activate("people", "1")
    return "people"


def large() -> str:
    def make(folder: Path) -> None:
        vectors = rng(0, "large").standard_normal((100_000, 128), dtype=np.float32)
        made_up(folder, 0.3 * vectors)

    return _registered("large", "1", make)


def million() -> str:
    return _registered("million", "1", _million)


def sasrec() -> str:
    data = {
        "name": "file",
        "path": str(data_root() / "ml-1m" / "sequences-5core.parquet"),
        "map": {"user": "user_id", "item": "movie_id", "order": "position"},
    }
    changes = {"data": data, "split": {"kind": "loo"}, "model": {"dim": 64, "length": LONGEST}}
    return _registered("sasrec", "1", lambda folder: _trained(folder, "sasrec", None, changes))


def two_tower() -> str:
    changes = {
        "data": {"name": "ml-1m", "path": str(data_root() / "ml-1m")},
        "split": {"kind": "per-user"},
    }
    preset = "two-tower-ml-1m"
    return _registered(
        "two-tower", "1", lambda folder: _trained(folder, "two-tower", preset, changes)
    )


def _registered(name: str, version: str, make: Make) -> str:
    """Where it is not there yet, make it; the first version answers."""
    if (ROOT / name / version).is_dir():
        return name
    print(f"making {name} {version}", flush=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as folder:
        bundle = Path(folder) / "bundle"
        make(bundle)
        registry().add(bundle, name, version)
    if "champion" not in registry().aliases(name):
        registry().activate(name, version)
    return name


def made_up(
    folder: Path,
    vectors: Floats,
    *,
    first: int = 1,
    known: People | None = None,
    index: RetrieveSettings | None = None,
) -> None:
    """Two towers' bundle over these item vectors [I, d], of items `first`, `first` + 1, ..."""
    import torch

    items, dim = vectors.shape
    draw = rng(items, "made-up")

    class Deep(torch.nn.Module):
        """Near to the pooled history, as a trained tower is: queries lie where items do."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(dim, dim)

        def forward(self, pooled: torch.Tensor) -> torch.Tensor:
            return pooled + 0.1 * torch.relu(self.layer(pooled))

    biased = np.concatenate([vectors, np.zeros((items, 1), np.float32)], axis=1)
    parts = Export(
        "encoder",
        items={"vectors": biased, "history": np.ascontiguousarray(vectors)},
        graphs={"user": Graph(Deep(), {"pooled": ("batch", dim)}, "vector")},
        options={"bag_norm": "mean", "bag_scale": 1.0},
    )
    names = np.arange(first, first + items, dtype=np.int64)
    titles = tuple(f"The Film of Number {number} ({1930 + number % 95})" for number in names)
    table = Table(IdMap(pl.Series(names)), titles)
    popularity = draw.random((items,), dtype=np.float32)
    write_parts(folder, parts, table, popularity, known)
    facts: dict[str, Any] = {"model": "two-tower", "product": "cinesync", "quantised": None}
    facts |= {"served": {"diversity": 0.0}, "minimum_version": "0.1.0", "blessed": True}
    facts["index"] = indexing.build(
        Bundle(folder, seal(folder, parts, facts)), index or RetrieveSettings()
    )
    requests = golden_requests(table, popularity, known)
    write_golden(folder, Bundle(folder, seal(folder, parts, facts)), requests)
    seal(folder, parts, facts)


def _people(folder: Path, version: int) -> None:
    draw = rng(version, "people")
    vectors = 0.3 * draw.standard_normal((ITEMS, 64), dtype=np.float32)
    lengths = rng(0, "lengths").integers(5, 60, USERS)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    met = np.concatenate([draw.choice(ITEMS, size, replace=False) for size in lengths.tolist()])
    known = People(
        Table(IdMap(pl.Series(np.arange(1, USERS + 1, dtype=np.int64)))),
        Histories(offsets, met.astype(np.int32)),
    )
    made_up(folder, vectors, first=1 + (version - 1) * APART, known=known)


def _million(folder: Path) -> None:
    vectors, _ = hard_vectors(MILLION, 64, 0)
    made_up(folder, vectors, index=RetrieveSettings(recall=0.95))


def _trained(folder: Path, model: str, preset: str | None, changes: dict[str, Any]) -> None:
    from cinesync.bundles import export
    from cinesync.runs import load_run
    from cinesync.settings import resolve
    from cinesync.training import train

    short = {"epochs": EPOCHS, "evaluate_every": EPOCHS, "patience": 0}
    changes = {**changes, "train": short, "evaluate": {"bootstrap": 0}}
    run = KEPT / "runs" / model
    if not run.exists():
        with tempfile.TemporaryDirectory(dir=KEPT) as unfinished:
            train(resolve(model, preset=preset, changes=changes), out=Path(unfinished) / "run")
            run.parent.mkdir(parents=True, exist_ok=True)
            (Path(unfinished) / "run").rename(run)
    export(load_run(run), folder)


# What is asked


def of_user(user: int) -> bytes:
    return _body(user=str(user), count=10)


def of_history(items: list[str]) -> bytes:
    return _body(history=items, count=10)


def real_histories(count: int, seed: int = 0) -> list[list[str]]:
    """Histories of ML-1M's people, each other than every other, their last item never among them.

    First everybody's whole history, then everybody's without its last item, and so on.
    """
    file = data_root() / "ml-1m" / "sequences-5core.parquet"
    frame = pl.read_parquet(file).sort("user_id", "position")
    grouped = frame.group_by("user_id", maintain_order=True).agg(pl.col("movie_id").cast(pl.String))
    everybody: list[list[str]] = grouped["movie_id"].to_list()
    order = rng(seed, "askers").permutation(len(everybody)).tolist()
    found = list(islice(_shortened(everybody, order), count))
    assert len(found) == count, f"{len(found)} histories, {count} wanted"
    return found


def _shortened(everybody: list[list[str]], order: list[int]) -> Iterator[list[str]]:
    met: set[int] = set()
    for fewer in range(1, max(map(len, everybody))):
        for user in order:
            history = everybody[user][:-fewer][-LONGEST:]
            if len(history) >= 3 and (key := hash(tuple(history))) not in met:
                met.add(key)
                yield history


def million_histories(count: int, seed: int = 0) -> list[list[str]]:
    """Five items each, of one taste and of another: as the index's own measurements ask."""
    kept = KEPT / "million-groups.npy"
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        np.save(kept, hard_vectors(MILLION, 64, 0)[1])
    group = np.load(kept)
    draw = rng(seed, "million-askers")
    by_group = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[by_group], np.arange(int(group.max()) + 2))
    drawn = 2 * count
    tastes = group[draw.integers(0, len(group), (drawn, 2))]
    places = np.repeat(tastes, (3, 2), axis=1)
    low, high = starts[places], starts[places + 1]
    items = 1 + by_group[low + (draw.random(places.shape) * (high - low)).astype(np.int64)]
    apart = dict.fromkeys(map(tuple, items.tolist()))
    found = [[str(item) for item in history] for history in islice(apart, count)]
    assert len(found) == count
    return found


def _body(**asked: Any) -> bytes:
    return json.dumps(asked, separators=(",", ":")).encode()

"""A data set in its normal form: a folder of Parquet files that reads back bit for bit.

`interactions.parquet` has the external ids under the names of the roles, so that any tool (and
`--from FILE` without a mapping) can read it.
"""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from cinesync.sources.frames import PARTS, loaded
from cinesync.sources.source import Loaded, Request, SequenceSettings, Source
from cinesync.sources.tabular import read_table
from reccore.data.dataset import Table
from reccore.data.interactions import Interactions
from reccore.errors import UserError

MARK = "dataset.json"
TABLES = ("items", "users")
AGAIN = "prepare it again"


def write(data: Loaded, out: Path) -> Path:
    """Write the folder under a temporary name, then rename it; replaces a prepared one only."""
    if out.exists() and not (out / MARK).is_file():
        raise UserError(f"{out} exists and is no prepared data set", "give another --out")
    dataset = data.dataset
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        _rows(data).write_parquet(temporary / "interactions.parquet")
        for name, table in zip(TABLES, (dataset.items, dataset.users), strict=True):
            _frame(table).write_parquet(temporary / f"{name}.parquet")
        facts = {
            "name": dataset.name,
            "licence": dataset.licence,
            "source": dataset.source,
            "fingerprint": dataset.interactions.fingerprint,
        }
        (temporary / MARK).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def load(request: Request) -> Loaded:
    """What `write` wrote, or an error when it has been changed since."""
    mark = request.file(MARK)
    try:
        facts = json.loads(mark.read_text(encoding="utf-8"))
        name, licence, expected = facts["name"], facts["licence"], facts["fingerprint"]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{mark} is not what `data prepare` writes", AGAIN) from None
    frames = (read_table(request.file(f"{one}.parquet")) for one in ("interactions", *TABLES))
    rows, items, users = frames
    data = loaded(replace(request, name=name, licence=licence), rows, items=items, users=users)
    if data.dataset.interactions.fingerprint != expected:
        raise UserError(f"{request.path} was changed after it was prepared", AGAIN)
    return data


def _rows(data: Loaded) -> pl.DataFrame:
    if data.given is None:
        return _columns(data.dataset.interactions)
    parts = (data.given.train, data.given.validation, data.given.test)
    return pl.concat(
        [
            _columns(rows).with_columns(split=pl.lit(name))
            for name, rows in zip(PARTS, parts, strict=True)
            if rows is not None
        ]
    )


def _columns(rows: Interactions) -> pl.DataFrame:
    columns: dict[str, pl.Series | np.ndarray] = {
        "user": rows.user_ids.decode(rows.users),
        "item": rows.item_ids.decode(rows.items),
    }
    optional = {"value": rows.values, "timestamp": rows.timestamps, "order": rows.order}
    return pl.DataFrame(columns | {k: v for k, v in optional.items() if v is not None})


def _frame(table: Table) -> pl.DataFrame:
    columns = {"id": table.ids.ids}
    if table.titles is not None:
        columns["title"] = pl.Series(table.titles, dtype=pl.String)
    for name, bags in table.features.items():
        words = np.array(bags.vocabulary, dtype=object)[bags.words]
        lists = [part.tolist() for part in np.split(words, bags.offsets[1:-1])]
        columns[name] = pl.Series(lists[: len(table)], dtype=pl.List(pl.String))
    return pl.DataFrame(columns)


SOURCES = (
    Source(
        "prepared",
        "a folder written by `cinesync data prepare`",
        "as its dataset.json says",
        load,
        (("interactions.parquet", MARK),),
        settings=SequenceSettings,
    ),
)

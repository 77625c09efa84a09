"""Tables of users and items as files: ids, titles and features, without any interaction."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from reccore.data.dataset import Bags, Table
from reccore.data.ids import IdMap
from reccore.files import write_atomic


def write_table(folder: Path, name: str, table: Table) -> None:
    """`<name>.parquet` with ids, titles and codes; `<name>.json` with the vocabularies."""
    columns = {"id": table.ids.ids}
    if table.titles is not None:
        columns["title"] = pl.Series(table.titles, dtype=pl.String)
    for feature, bags in table.features.items():
        lists = [part.tolist() for part in np.split(bags.words, bags.offsets[1:-1])]
        columns[f"feature:{feature}"] = pl.Series(lists[: len(table)], dtype=pl.List(pl.Int32))
    write_atomic(folder / f"{name}.parquet", lambda path: pl.DataFrame(columns).write_parquet(path))
    vocabularies = {feature: bags.vocabulary for feature, bags in table.features.items()}
    write_atomic(folder / f"{name}.json", json.dumps(vocabularies, ensure_ascii=False))


def read_table(folder: Path, name: str) -> Table:
    frame = pl.read_parquet(folder / f"{name}.parquet")
    vocabularies = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    features = {}
    for feature, vocabulary in vocabularies.items():
        column = frame[f"feature:{feature}"]
        offsets = np.concatenate([[0], np.cumsum(column.list.len().to_numpy())]).astype(np.int64)
        words = column.explode(empty_as_null=False).to_numpy().astype(np.int32)
        features[feature] = Bags(tuple(vocabulary), offsets, words)
    titles = tuple(frame["title"].to_list()) if "title" in frame.columns else None
    return Table(IdMap(frame["id"]), titles, features)

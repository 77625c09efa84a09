"""From a frame with anybody's column names to interactions that can be trusted."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from cinesync.sources import columns as checked
from cinesync.sources.features import table
from cinesync.sources.source import Duplicates, Loaded, Request
from reccore.data.dataset import Dataset
from reccore.data.ids import IdMap
from reccore.data.interactions import Interactions
from reccore.data.split import Given
from reccore.errors import UserError

ROLES = ("user", "item", "value", "timestamp", "order", "split")
PARTS = ("train", "validation", "test")
USUAL = {
    "user": ("user_id", "userId", "userid", "User_ID", "reviewerID", "customer_id"),
    "item": ("item_id", "itemId", "movie_id", "movieId", "asin", "product_id"),
    "value": ("rating", "score", "stars", "overall"),
    "timestamp": ("time", "date", "ts", "unixReviewTime"),
}
"""Other people's names: proposed in an error, never taken unasked."""


def loaded(
    request: Request,
    frame: pl.DataFrame,
    columns: Mapping[str, str] | None = None,
    *,
    items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None,
    where: str | None = None,
) -> Loaded:
    """The data set of a frame; a `split` column (train, validation, test) becomes the split.

    With one, rows are in the order of its parts. `where` names the frame in errors.
    """
    rows = check(frame, columns, where or str(request.path), request.duplicates)
    data = interactions(rows)
    dataset = Dataset(
        request.name,
        data,
        table(data.user_ids, users),
        table(data.item_ids, items),
        request.licence,
        "" if request.path == Path() else str(request.path),
    )
    return Loaded(dataset, _given(rows, data))


def check(
    frame: pl.DataFrame, columns: Mapping[str, str] | None, where: str, duplicates: Duplicates
) -> pl.DataFrame:
    """Columns named by role, each checked, duplicates treated as asked; rows keep their order.

    Without a mapping the file's columns have the roles' names already; with one, only `user`
    and `item` may be left out of it.
    """
    mapping = _mapping(frame, columns, where)
    if frame.height == 0:
        raise UserError(f"{where} holds no rows", "give a file with interactions")
    rules = {
        "user": checked.ids,
        "item": checked.ids,
        "value": checked.values,
        "timestamp": checked.times,
        "order": checked.ranks,
        "split": _parts,
    }
    rows = pl.DataFrame(
        {
            role: rules[role](frame[column], f"column {column!r} of {where}")
            for role, column in mapping.items()
        }
    )
    rows = _deduplicated(rows, where, duplicates)
    if "split" in rows.columns:
        rows = rows.sort(pl.col("split").cast(pl.Enum(PARTS)), maintain_order=True)
    return rows


def interactions(rows: pl.DataFrame) -> Interactions:
    """Checked rows under id maps of their own."""
    users, items = IdMap.of(rows["user"]), IdMap.of(rows["item"])
    return Interactions(
        users,
        items,
        users.encode(rows["user"]),
        items.encode(rows["item"]),
        rows["value"].to_numpy().astype(np.float32) if "value" in rows.columns else None,
        rows["timestamp"].to_numpy().astype(np.int64) if "timestamp" in rows.columns else None,
        rows["order"].to_numpy().astype(np.int64) if "order" in rows.columns else None,
    )


def _mapping(frame: pl.DataFrame, columns: Mapping[str, str] | None, where: str) -> dict[str, str]:
    for role in columns or ():
        if role not in ROLES:
            raise UserError(
                f"--map {role}=...: unknown role {role!r}", "roles: " + ", ".join(ROLES)
            )
    mapping = dict(columns) if columns else {r: r for r in ROLES if r in frame.columns}
    mapping = {"user": "user", "item": "item"} | mapping
    for role, column in mapping.items():
        if column not in frame.columns:
            present = ", ".join(frame.columns)
            raise UserError(
                f"{where} has no column {column!r} for {role}",
                f"it has: {present}{_proposal(frame.columns)}",
            )
    return {role: mapping[role] for role in ROLES if role in mapping}


def _proposal(present: list[str]) -> str:
    found = {
        role: next(name for name in (role, *usual) if name in present)
        for role, usual in USUAL.items()
        if any(name in present for name in (role, *usual))
    }
    if "user" not in found or "item" not in found:
        return "; name yours with --map user=COLUMN,item=COLUMN"
    return "; try --map " + ",".join(f"{role}={name}" for role, name in found.items())


def _parts(column: pl.Series, where: str) -> pl.Series:
    known = column.cast(pl.String).is_in(PARTS).fill_null(False)
    if not known.all():
        row = int((~known).arg_true()[0])
        raise UserError(
            f"{where}: {column[row]!r} in row {row + 1} is no part of a split",
            "parts: " + ", ".join(PARTS),
        )
    for part in ("train", "test"):
        if not (column == part).any():
            raise UserError(f"{where} has no {part} rows", "a split needs train and test rows")
    return column.cast(pl.String)


def _deduplicated(rows: pl.DataFrame, where: str, duplicates: Duplicates) -> pl.DataFrame:
    pairs = rows.select("user", "item")
    if duplicates == "keep" or pairs.hash_rows().n_unique() == rows.height:
        return rows  # different hashes are different pairs: no need to look closer
    later = ~rows.select(pl.struct("user", "item").is_first_distinct()).to_series()
    count = int(later.sum())
    if not count:
        return rows
    if duplicates == "error":
        row = int(later.arg_true()[0])
        user, item = rows["user"][row], rows["item"][row]
        raise UserError(
            f"{where}: {count} rows repeat an earlier user and item, "
            f"the first in row {row + 1} (user {user!r}, item {item!r})",
            "--set data.options.duplicates=last keeps the latest of each (or first, or keep all)",
        )
    time = [name for name in ("timestamp", "order") if name in rows.columns]
    numbered = rows.with_row_index("row").sort([*time, "row"])
    kept = numbered.unique(["user", "item"], keep=duplicates, maintain_order=True)
    return kept.sort("row").drop("row")


def _given(rows: pl.DataFrame, data: Interactions) -> Given | None:
    if "split" not in rows.columns:
        return None
    train, validation, test = (
        data.take(np.flatnonzero((rows["split"] == part).to_numpy())) for part in PARTS
    )
    return Given(train=train, validation=validation if len(validation) else None, test=test)

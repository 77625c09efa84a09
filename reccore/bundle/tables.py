"""Item tables that grow: what a later segment adds stands after what was there."""

import numpy as np
import polars as pl

from reccore.data.dataset import Bags, Table
from reccore.data.ids import IdMap
from reccore.data.interactions import Histories
from reccore.errors import UserError


def joined(first: Table, second: Table) -> Table:
    """The rows of both; features by name, with the words of both."""
    ids = pl.concat([first.ids.ids, second.ids.ids.cast(first.ids.ids.dtype)])
    titles = None
    if first.titles is not None or second.titles is not None:
        titles = (*_titles(first), *_titles(second))
    features = {
        name: _joined(first.features.get(name), second.features.get(name), len(first), len(second))
        for name in {**first.features, **second.features}
    }
    return Table(IdMap(ids), titles, features)


def _titles(table: Table) -> tuple[str, ...]:
    return table.titles if table.titles is not None else ("",) * len(table)


def _joined(first: Bags | None, second: Bags | None, before: int, after: int) -> Bags:
    a, b = first or _empty(before), second or _empty(after)
    vocabulary = tuple(dict.fromkeys([*a.vocabulary, *b.vocabulary]))
    place = {word: code for code, word in enumerate(vocabulary)}
    moved = np.array([place[word] for word in b.vocabulary], dtype=np.int32)
    rows = Histories(a.offsets, a.words).append(Histories(b.offsets, moved[b.words]))
    return Bags(vocabulary, rows.offsets, rows.items)


def _empty(rows: int) -> Bags:
    return Bags((), np.zeros(rows + 1, np.int64), np.empty(0, np.int32))


def new_items(frame: pl.DataFrame, known: Table) -> Table:
    """A table of items that are not there yet, from columns id, title and features.

    A feature is a list, or text with its words between bars: `Comedy|Drama`.
    """
    if "id" not in frame.columns:
        raise UserError("the file of items has no column id", "found: " + ", ".join(frame.columns))
    ids = frame["id"].cast(known.ids.ids.dtype, strict=False)
    if ids.null_count():
        raise UserError(
            f"{frame['id'].filter(ids.is_null())[0]!r} is no id of this bundle",
            f"ids are {known.ids.ids.dtype}",
        )
    again = ids.filter(ids.is_duplicated())
    if len(again):
        raise UserError(f"item {again[0]!r} stands in the file twice")
    there = known.ids.encode(ids)
    if (there >= 0).any():
        raise UserError(
            f"item {ids[int(np.flatnonzero(there >= 0)[0])]!r} is in the bundle already",
            "remove it first, or leave it out",
        )
    titles = None if "title" not in frame.columns else tuple(frame["title"].fill_null("").to_list())
    features = {name: _bags(frame[name]) for name in known.features if name in frame.columns}
    return Table(IdMap(ids), titles, features)


def _bags(column: pl.Series) -> Bags:
    lists = (column if column.dtype == pl.List else column.cast(pl.String).str.split("|")).to_list()
    words = [[str(word) for word in row or [] if word] for row in lists]
    vocabulary = tuple(sorted({word for row in words for word in row}))
    place = {word: code for code, word in enumerate(vocabulary)}
    rows = [np.array([place[word] for word in row], dtype=np.int32) for row in words]
    bags = Histories.of_lists(rows)
    return Bags(vocabulary, bags.offsets, bags.items)

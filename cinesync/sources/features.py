"""What is known of users and items, as bags of words in the order of an id map.

A frame of them has `id`, perhaps `title`, and list columns of words, one list a row. Rows
without interactions are left out (the catalogue is what somebody has met); an id without a row
gets empty bags and its id for a title.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from reccore.data.dataset import Bags, Table
from reccore.data.ids import IdMap
from reccore.errors import UserError


def table(ids: IdMap, frame: pl.DataFrame | None, where: str = "the items") -> Table:
    """Align a frame with the id map."""
    if frame is None:
        return Table(ids)
    known = frame.with_columns(pl.col("id").cast(ids.ids.dtype, strict=False)).drop_nulls("id")
    repeated = known["id"].is_duplicated()
    if repeated.any():
        again = known["id"].filter(repeated)[0]
        raise UserError(f"{where}: id {again!r} is there more than once", "keep one row an id")
    aligned = ids.ids.alias("id").to_frame().join(known, "id", how="left", maintain_order="left")
    if len(ids) and not aligned["id"].is_in(known["id"].to_list()).any():
        theirs = ", ".join(map(str, frame["id"].head(3).to_list()))
        ours = ", ".join(map(str, ids.ids.head(3).to_list()))
        raise UserError(
            f"{where}: none of the ids ({theirs}, ...) is in the interactions ({ours}, ...)",
            "use the same ids in both files",
        )
    titles = None
    if "title" in aligned.columns:
        named = pl.col("title").fill_null(pl.col("id").cast(pl.String))
        titles = tuple(aligned.select(named).to_series().to_list())
    words = {name: bags(aligned[name]) for name in aligned.columns if name not in ("id", "title")}
    return Table(ids, titles, words)


def bags(lists: pl.Series) -> Bags:
    """Bags of a list column; an absent list is an empty bag, a repeated word counts once."""
    flat = (
        pl.DataFrame({"row": np.arange(len(lists)), "word": lists})
        .explode("word", empty_as_null=True)
        .drop_nulls("word")
        .unique(maintain_order=True)
    )
    vocabulary = IdMap.of(flat["word"].cast(pl.String))
    counts = np.bincount(flat["row"].to_numpy(), minlength=len(lists))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Bags(tuple(vocabulary.ids.to_list()), offsets, vocabulary.encode(flat["word"]))


def split_words(column: pl.Series, separator: str) -> pl.Series:
    """`"Comedy|Drama"` as a list of words; blanks and what means "none" are dropped."""
    words = column.str.split(separator).list.eval(pl.element().str.strip_chars())
    return words.list.set_difference(["", "(no genres listed)"]).list.sort()


def decades(years: pl.Series) -> pl.Series:
    """A release year as a bag of one: 1994 -> ["1990s"]."""
    decade = (years.cast(pl.Int64) // 10 * 10).cast(pl.String) + "s"
    return _singletons(decade)


def categories(column: pl.Series) -> pl.Series:
    """One word a row as a bag of one."""
    return _singletons(column.cast(pl.String))


def bands(numbers: pl.Series, limits: Sequence[float], names: Sequence[str]) -> pl.Series:
    """The band of each number as a bag of one: `names[k]` from `limits[k - 1]` up to the next."""
    band = np.searchsorted(np.asarray(limits), numbers.fill_null(0).to_numpy(), side="right")
    words = pl.Series(list(names), dtype=pl.String).gather(band)
    return _singletons(pl.select(pl.when(numbers.is_not_null()).then(words)).to_series())


def _singletons(words: pl.Series) -> pl.Series:
    lists = words.to_frame("word").select(pl.concat_list("word").list.drop_nulls())
    return lists.to_series()

"""Lines of `user item item ...`, the format of sequence files and adjacency lists."""

from pathlib import Path

import polars as pl

from cinesync.sources.delimited import read_bytes
from reccore.errors import UserError


def read_token_lists(path: Path) -> pl.DataFrame:
    """One row an item of a line: user, item, order (its place in the line)."""
    text = read_bytes(path).decode(errors="replace")
    lines = pl.Series("line", text.splitlines(), dtype=pl.String)
    tokens = (
        lines.str.extract_all(r"\S+").to_frame("tokens").filter(pl.col("tokens").list.len() > 0)
    )
    if tokens.height == 0:
        raise UserError(f"{path} is empty", "give lines of `user item item ...`")
    repeated = tokens["tokens"].list.first().is_duplicated()
    if repeated.any():
        user = tokens["tokens"].list.first().filter(repeated)[0]
        raise UserError(f"{path}: user {user!r} has more than one line", "keep one line a user")
    return (
        tokens.select(
            user=pl.col("tokens").list.first(),
            item=pl.col("tokens").list.slice(1),
            order=pl.int_ranges(0, pl.col("tokens").list.len() - 1),
        )
        .explode("item", "order", empty_as_null=True)
        .drop_nulls("item")
    )

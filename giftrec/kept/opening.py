"""From an address to a store."""

from pathlib import Path

from giftrec.kept.kept import KeptStore
from reccore.serve.address import place


def open_kept(url_or_path: str | Path) -> KeptStore:
    """`recommendations.sqlite`, `sqlite:///relative`, `sqlite:////absolute` or `postgresql://...`.

    A file is created at once, for its owner alone; Postgres is connected to by the first call.
    """
    where = place(url_or_path, "recommendations")
    if isinstance(where, str):
        from giftrec.kept.postgres import PostgresKept

        return PostgresKept(where)
    from giftrec.kept.sqlite import SqliteKept

    return SqliteKept(where)

"""From an address to a store."""

from pathlib import Path

from reccore.serve.address import place
from reccore.serve.feedback.event import Store


def open_store(url_or_path: str | Path, spool: str | Path, spool_mb: int = 32) -> Store:
    """`feedback.sqlite`, `sqlite:///relative`, `sqlite:////absolute` or `postgresql://...`.

    The spool is a folder, and Postgres's alone: where a file's disk fails, a second file on it
    would fail too. Nothing is connected to before the first call.
    """
    where = place(url_or_path, "feedback")
    if isinstance(where, str):
        from reccore.serve.feedback.postgres import PostgresStore

        return PostgresStore(where, Path(spool), spool_mb * 1_000_000)
    from reccore.serve.feedback.sqlite import SqliteStore

    return SqliteStore(where)

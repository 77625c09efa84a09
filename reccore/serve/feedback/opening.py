"""From an address to a store."""

import re
from pathlib import Path

from reccore.errors import UserError
from reccore.serve.feedback.event import Store


def open_store(url_or_path: str | Path, spool: str | Path, spool_mb: int = 32) -> Store:
    """`feedback.sqlite`, `sqlite:///relative`, `sqlite:////absolute` or `postgresql://...`.

    The spool is a folder, and Postgres's alone: where a file's disk fails, a second file on it
    would fail too. Nothing is connected to before the first call.
    """
    text = str(url_or_path)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):/", text)
    if scheme and scheme[1] in {"postgres", "postgresql"}:
        from reccore.serve.feedback.postgres import PostgresStore

        return PostgresStore(text, Path(spool), spool_mb * 1_000_000)
    if scheme and scheme[1] != "sqlite":
        raise UserError(
            f"feedback cannot be kept in {scheme[1]}", "a file, sqlite:///file or postgresql://..."
        )
    if scheme and not text.startswith("sqlite:///"):
        raise UserError("a SQLite address has three slashes", "sqlite:///feedback.sqlite")
    path = text.removeprefix("sqlite:///")
    if not path or path.startswith(":memory:"):
        raise UserError(
            f"feedback in {path or 'no file'} would be lost with the process", "name a file"
        )
    from reccore.serve.feedback.sqlite import SqliteStore

    return SqliteStore(Path(path))

"""A SQLite file of a store's own: laid out once, read and written by several processes.

What is deleted from it is overwritten with zeros, and leaves the write-ahead log soon after.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from reccore.errors import UserError

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for another process that lays the file out
BRIEFLY = 200  # milliseconds for readers who keep the log from being emptied


@dataclass(frozen=True)
class Layout:
    """What a file is to hold. Stores whose files must not be mixed up differ in `version`."""

    what: str  # in the plural, for messages
    version: int
    schema: str  # statements that change nothing the second time


def prepare(path: Path, layout: Layout) -> None:
    """Create the file, for its owner alone, or check that it is ours."""
    what = layout.what
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise UserError(f"{what} cannot be kept in {path}: {error.strerror}") from None
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with closing(connect(path, PATIENCE)) as connection:
                _lay_out(connection, path, layout)
            return
        except sqlite3.OperationalError as error:
            # two processes that create it at once do not wait for each other, whatever the timeout
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise UserError(f"{what} cannot be kept in {path}: {error}") from None
            time.sleep(0.02)
        except sqlite3.DatabaseError as error:
            raise UserError(f"{path} is no file of {what}: {error}", "name another") from None


def connect(
    path: Path, patience: float, *, reads: bool = False, durable: bool = True
) -> sqlite3.Connection:
    """`patience`: seconds for another's write. Not `durable`: a power cut may take the last
    seconds' rows, the death of the process none."""
    connection = sqlite3.connect(
        path, timeout=patience, isolation_level=None, check_same_thread=False
    )
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("PRAGMA secure_delete = ON").fetchall()
    if reads:
        connection.execute("PRAGMA query_only = ON")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """The body commits; what it did not commit is undone."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def changed(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> int:
    """Run one statement for itself; how many rows it concerned."""
    with transaction(connection) as run:
        count = run.execute(statement, values).rowcount
        run.execute("COMMIT")
    return count


def empty_log(connection: sqlite3.Connection, patience: float) -> None:
    """Deleted rows are still in the write-ahead log until it is written back."""
    connection.execute(f"PRAGMA busy_timeout = {BRIEFLY}")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError:  # others read: the next checkpoint does it
        log.info("the log of a SQLite file is in use and is emptied later")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")


def _lay_out(connection: sqlite3.Connection, path: Path, layout: Layout) -> None:
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    with transaction(connection) as run:
        (version,) = run.execute("PRAGMA user_version").fetchone()
        tables = run.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version not in (0, layout.version) or (version == 0 and tables):
            raise UserError(
                f"{path} holds something else, or {layout.what} of another version ({version})",
                "name another file, or use the version that wrote it",
            )
        for statement in layout.schema.strip().split(";\n"):
            run.execute(statement)
        run.execute(f"PRAGMA user_version = {layout.version}")
        run.execute("COMMIT")

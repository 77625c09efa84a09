import sqlite3
import stat
import time
from contextlib import closing

import pytest

from reccore.errors import UserError
from reccore.serve.sqlite_file import Layout, changed, connect, empty_log, prepare, transaction

LAYOUT = Layout("things", version=7, schema="CREATE TABLE IF NOT EXISTS thing (name TEXT);\n")


def test_a_file_is_laid_out_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "deep" / "things.sqlite"
    prepare(path, LAYOUT)
    with closing(connect(path, 1)) as connection:
        assert changed(connection, "INSERT INTO thing VALUES (?)", ("a",)) == 1
    prepare(path, LAYOUT)
    with closing(connect(path, 1, reads=True)) as connection:
        assert connection.execute("SELECT name FROM thing").fetchall() == [("a",)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            changed(connection, "DELETE FROM thing", ())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_of_another_version_or_of_somebody_else_is_refused(tmp_path):
    path = tmp_path / "things.sqlite"
    prepare(path, LAYOUT)
    with pytest.raises(UserError, match=r"things of another version \(7\)"):
        prepare(path, Layout("things", version=8, schema=LAYOUT.schema))
    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE something (name TEXT)")
    with pytest.raises(UserError, match="holds something else"):
        prepare(foreign, LAYOUT)


def test_what_a_body_does_not_commit_is_undone(tmp_path):
    path = tmp_path / "things.sqlite"
    prepare(path, LAYOUT)
    with closing(connect(path, 1)) as connection:
        with transaction(connection) as run:
            run.execute("INSERT INTO thing VALUES ('a')")
        assert connection.execute("SELECT count(*) FROM thing").fetchone() == (0,)


def test_the_log_is_emptied_but_nobody_waits_for_readers(tmp_path):
    path = tmp_path / "things.sqlite"
    prepare(path, LAYOUT)
    with closing(connect(path, 1)) as writer, closing(connect(path, 1, reads=True)) as reader:
        changed(writer, "INSERT INTO thing VALUES ('secret')", ())
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM thing").fetchall()
        changed(writer, "DELETE FROM thing", ())
        began = time.monotonic()
        empty_log(writer, 1)
        assert time.monotonic() - began < 1
        reader.execute("COMMIT")
        empty_log(writer, 1)
        assert writer.execute("PRAGMA busy_timeout").fetchone() == (1000,)
        log = path.with_name(path.name + "-wal")
        assert b"secret" not in log.read_bytes() + path.read_bytes()


@pytest.mark.parametrize("durable", [True, False])
def test_what_a_power_cut_may_take_is_chosen(tmp_path, durable):
    with closing(connect(tmp_path / "things.sqlite", 1, durable=durable)) as connection:
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
    assert level == (2 if durable else 1)

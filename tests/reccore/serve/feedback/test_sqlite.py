import asyncio
import sqlite3
import stat

import pytest
from happenings import NOW, event
from killing import everything, kill_when_busy, start_writer

from reccore.errors import UserError
from reccore.serve.feedback import Added, open_store
from reccore.serve.refusal import Refusal


def run(path, work):
    async def main():
        store = open_store(path, path.parent / "spool")
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(main())


def test_what_was_answered_survives_kill_9_of_two_processes(tmp_path):
    path = tmp_path / "feedback.sqlite"
    said = [tmp_path / name for name in ("left", "right")]
    writers = [start_writer(path, tmp_path / "spool", file.name, file) for file in said]
    told = {id for pair in zip(writers, said, strict=True) for id in kill_when_busy(*pair)}
    assert {id.split("-")[0] for id in told} == {"left", "right"}
    found = run(path, everything)
    assert len(told) > 100
    assert told <= found
    batches = {id.rpartition("-")[0] for id in found}
    assert len(found) == 3 * len(batches)  # a batch is stored whole or not at all
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_two_stores_share_a_file(tmp_path):
    path = tmp_path / "feedback.sqlite"

    async def main():
        left, right = (open_store(path, tmp_path / "spool") for _ in range(2))
        batch = [event(f"e{n}") for n in range(40)]
        answers = await asyncio.gather(
            *(store.add([one]) for one in batch for store in (left, right))
        )
        assert sum(answer.stored for answer in answers) == 40
        assert sum(answer.known_before for answer in answers) == 40
        await left.forget("ann")
        assert (await right.of_user("ann", 99)).events == ()
        await left.close()
        await right.close()

    asyncio.run(main())


def test_a_forgotten_person_is_not_in_the_bytes(tmp_path):
    path = tmp_path / "feedback.sqlite"

    async def work(store):
        await store.add([event(f"e{n}", "annabel-lee") for n in range(200)])
        assert any(b"annabel-lee" in file.read_bytes() for file in tmp_path.glob("feedback*"))
        await store.forget("annabel-lee")
        for file in tmp_path.glob("feedback*"):
            assert b"annabel-lee" not in file.read_bytes(), file.name

    run(path, work)


def test_only_the_owner_may_read(tmp_path):
    path = tmp_path / "below" / "feedback.sqlite"

    async def work(store):
        await store.add([event()])
        for file in path.parent.glob("feedback*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name

    run(path, work)


def test_a_person_deletes_no_others_by_like_patterns(tmp_path):
    async def work(store):
        await store.add([event("a", "ann"), event("b", "an_"), event("c", "%")])
        assert (await store.forget("%")).events == 1
        assert (await store.forget("an_")).events == 1
        assert len((await store.of_user("ann", 5)).events) == 1

    run(tmp_path / "feedback.sqlite", work)


def test_addresses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def main(address):
        store = open_store(address, "spool")
        await store.add([event()])
        await store.close()

    asyncio.run(main("sqlite:///relative.sqlite"))
    asyncio.run(main(f"sqlite:///{tmp_path}/absolute.sqlite"))
    assert (tmp_path / "relative.sqlite").exists()
    assert (tmp_path / "absolute.sqlite").exists()
    for address in ("mysql://host/db", "sqlite://two", "sqlite:///:memory:", ":memory:", ""):
        with pytest.raises(UserError):
            open_store(address, "spool")


def test_files_that_are_not_ours(tmp_path):
    text = tmp_path / "text"
    text.write_bytes(b"not a database at all, but long enough to be one" * 50)
    other = tmp_path / "other"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    newer = tmp_path / "newer"
    run(newer, everything)
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    for path in (text, other, newer, tmp_path, tmp_path / "text" / "below"):
        with pytest.raises(UserError):
            open_store(path, tmp_path / "spool")


def test_a_writer_that_holds_the_file_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr("reccore.serve.feedback.sqlite.PATIENCE", 0.1)
    path = tmp_path / "feedback.sqlite"

    async def work(store):
        await store.add([event()])
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(Refusal) as refused:
            await store.add([event("b")])
        assert refused.value.status == 503
        assert refused.value.retry_after
        assert len((await store.of_user("ann", 5)).events) == 1  # readers wait for nobody
        holder.execute("ROLLBACK")
        holder.close()
        assert await store.add([event("b")]) == Added(1, 0)

    run(path, work)


def test_a_full_disk_is_said_and_undone(tmp_path):
    path = tmp_path / "feedback.sqlite"

    async def work(store):
        await store.add([event()])
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count = {pages}").fetchall()
        with pytest.raises(Refusal):
            await store.add([event(f"e{n}x", item="i" * 256) for n in range(500)])
        store._writer.execute("PRAGMA max_page_count = 100000").fetchall()
        assert await everything(store) == {"e1"}
        assert await store.add([event("b", at=NOW)]) == Added(1, 0)

    run(path, work)

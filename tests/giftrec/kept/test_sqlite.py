import asyncio
import os
import sqlite3
import stat
import time

import pytest
from recommendations import kept

from giftrec.kept import open_kept
from reccore.errors import UserError
from reccore.serve.feedback import open_store
from reccore.serve.refusal import Refusal


def run(path, work):
    async def main():
        store = open_kept(path)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(main())


def test_two_stores_share_a_file(tmp_path):
    path = tmp_path / "recommendations.sqlite"

    async def main():
        left, right = open_kept(path), open_kept(path)
        every = [kept() for _ in range(60)]
        await asyncio.gather(*(s.save(one) for one in every for s in (left, right)))
        found = [await right.get(one.id) for one in every]
        assert await left.forget("ann") == 60
        assert await right.get(every[0].id) is None
        await left.close()
        await right.close()
        return found == every

    assert asyncio.run(main())


def test_a_forgotten_person_is_not_in_the_bytes(tmp_path):
    path = tmp_path / "recommendations.sqlite"

    async def work(store):
        await store.save(kept(user="somebody-rare", wishes=("a rare wish",)))
        await store.forget("somebody-rare")

    run(path, work)
    for file in tmp_path.iterdir():
        assert b"rare" not in file.read_bytes()


def test_the_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "deep" / "recommendations.sqlite"
    run(path, lambda store: store.save(kept()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_locked_refuses_soon_and_works_again_after(tmp_path):
    path = tmp_path / "recommendations.sqlite"

    async def work(store):
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        many = [store.save(kept()) for _ in range(30)]
        answers = await asyncio.gather(*many, return_exceptions=True)
        took = time.monotonic() - began
        other.execute("ROLLBACK")
        other.close()
        one = kept()
        await store.save(one)
        return answers, took, await store.get(one.id) == one

    answers, took, after = run(path, work)
    assert {type(answer) for answer in answers} == {Refusal}
    assert {answer.code for answer in answers} == {"recommendations_unavailable"}
    assert took < 2
    assert after


def test_a_full_disk_is_one_refusal_and_no_end(tmp_path):
    path = tmp_path / "recommendations.sqlite"

    async def work(store):
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        many = [store.save(kept()) for _ in range(200)]
        answers = await asyncio.gather(*many, return_exceptions=True)
        store._writer.execute("PRAGMA max_page_count = 100000").fetchone()
        one = kept()
        await store.save(one)
        return answers[-1], await store.get(one.id) == one

    refusal, after = run(path, work)
    assert (refusal.status, refusal.retry_after) == (503, 5)
    assert after


def test_more_than_fits_in_line_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("giftrec.kept.sqlite.WAITING", 3)

    async def work(store):
        many = [store.save(kept()) for _ in range(20)]
        return await asyncio.gather(*many, return_exceptions=True)

    answers = run(tmp_path / "recommendations.sqlite", work)
    assert sum(answer is None for answer in answers) == 3


def test_a_file_of_something_else_is_refused(tmp_path):
    feedback, garbage = tmp_path / "feedback.sqlite", tmp_path / "garbage"
    asyncio.run(open_store(feedback, tmp_path / "spool").close())
    garbage.write_bytes(b"no database at all" * 500)
    with pytest.raises(UserError, match="holds something else"):
        open_kept(feedback)
    with pytest.raises(UserError, match="no file of recommendations"):
        open_kept(garbage)
    kept_file = tmp_path / "recommendations.sqlite"
    asyncio.run(open_kept(kept_file).close())
    with pytest.raises(UserError, match="holds something else"):
        open_store(kept_file, tmp_path / "spool")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="cannot be kept"):
        open_kept(tmp_path / "recommendations.sqlite")

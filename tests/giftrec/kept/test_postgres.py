import asyncio
import time

import pytest
from recommendations import kept

from giftrec.kept import open_kept
from reccore.serve.refusal import Refusal

NOWHERE = "postgresql://tests@127.0.0.1:9/none"


async def _refused(call):
    began = time.monotonic()
    with pytest.raises(Refusal) as refused:
        await call
    assert refused.value.code == "recommendations_unavailable"
    return time.monotonic() - began


def test_a_database_that_is_not_there_refuses_soon_and_then_at_once():
    pytest.importorskip("psycopg")

    async def main():
        store = open_kept(NOWHERE)
        first = await _refused(store.save(kept()))
        next = await _refused(store.get(kept().id))
        ready, facts = await store.ready(), store.facts()
        await store.close()
        return first, next, ready, facts

    first, next, ready, facts = asyncio.run(main())
    assert first < 2
    assert next < 0.1
    assert not ready
    assert facts["state"] == "gone"
    assert "127.0.0.1:9/none" not in str(facts)


def test_a_database_that_falls_silent_is_found_out_and_comes_back(postgres):
    async def main():
        store = open_kept(postgres.url)
        one = kept()
        await store.save(one)
        postgres.freeze()
        try:
            silent = await _refused(store.save(kept()))
            known = await _refused(store.save(kept()))
        finally:
            postgres.thaw()
        until = time.monotonic() + 20
        while not await store.ready() and time.monotonic() < until:
            await asyncio.sleep(0.1)
        found = await store.get(one.id)
        losses = store.facts()["losses"]
        await store.close()
        return silent, known, found == one, losses

    silent, known, found, losses = asyncio.run(main())
    assert silent < 2
    assert known < 0.1
    assert found
    assert losses == 1


def test_a_database_that_restarts_is_connected_to_again(postgres):
    async def main():
        store = open_kept(postgres.url)
        one = kept()
        await store.save(one)
        postgres.stop()
        postgres.start()
        until = time.monotonic() + 20
        while not await store.ready() and time.monotonic() < until:
            await asyncio.sleep(0.1)
        found = await store.get(one.id)
        await store.close()
        return found == one

    assert asyncio.run(main())


def test_replicas_that_start_together_lay_the_table_out_once(postgres):
    async def main():
        stores = [open_kept(postgres.url) for _ in range(6)]
        every = [kept() for _ in stores]
        await asyncio.gather(*(s.save(one) for s, one in zip(stores, every, strict=True)))
        found = [await stores[0].get(one.id) for one in every]
        for store in stores:
            await store.close()
        return found == every

    assert asyncio.run(main())


def test_feedback_and_recommendations_share_a_database(postgres, tmp_path):
    from reccore.serve.feedback import Event, open_store

    async def main():
        feedback, store = open_store(postgres.url, tmp_path / "spool"), open_kept(postgres.url)
        one = kept()
        await store.save(one)
        added = await feedback.add([Event("e1", "ann", "g1", "up", None, one.at, one.id)])
        await feedback.forget("ann")
        found = await store.get(one.id)
        await feedback.close()
        await store.close()
        return added.stored, found == one

    assert asyncio.run(main()) == (1, True)

"""The store in Postgres when Postgres stops, freezes, refuses, or comes back."""

import asyncio
import logging
import shutil
import time

import pytest
from happenings import NOW, Model, event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from killing import everything, kill_when_busy, start_writer

from reccore.errors import UserError
from reccore.serve.feedback import Added, open_store
from reccore.serve.feedback.link import GoneError
from reccore.serve.feedback.postgres import GONE_FORGET, GONE_READ, GONE_WRITE
from reccore.serve.refusal import Refusal


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


async def until_up(store, seconds=20):
    await store.ready()
    until = time.monotonic() + seconds
    while store.facts()["state"] != "up":
        assert time.monotonic() < until, store.facts()
        await asyncio.sleep(0.02)


def off_the_loop(function):
    """Stopping and starting takes a second: the store goes on meanwhile."""
    return asyncio.to_thread(function)


def test_it_starts_without_a_database_and_catches_up(postgres, spool):
    postgres.stop()

    async def main():
        store = open_store(postgres.url, spool)
        batch = [event("a", at=NOW + 5), event("b", at=NOW + 3), event("c", "bob")]
        assert await store.add(batch) == Added(3, 0, (), (GONE_WRITE,))
        assert await store.add(batch[:1]) == Added(0, 1, (), (GONE_WRITE,))
        other = [event("a", item="other"), event("d")]
        assert await store.add(other) == Added(1, 0, ("a",), (GONE_WRITE,))
        recent = await store.of_user("ann", 2)
        assert [one.id for one in recent.events] == ["b", "a"]
        assert recent.degraded == (GONE_READ,)
        assert await store.ready()
        for asked in (store.expire(NOW), anext(store.export())):
            with pytest.raises(Refusal) as refused:
                await asked
            assert refused.value.status == 503
        facts = store.facts()
        assert (facts["state"], facts["spool_events"]) == ("gone", 4)
        assert facts["reason"]
        await off_the_loop(postgres.start)
        await until_up(store)
        assert store.facts()["sent"] == 4
        assert store.facts()["spool_bytes"] == 0
        recent = await store.of_user("ann", 9)
        assert [one.id for one in recent.events] == ["d", "b", "a"]
        assert recent.degraded == ()
        assert await store.add([*batch, event("e")]) == Added(1, 3)
        await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("way", ["stop", "freeze"])
def test_nothing_is_lost_or_refused_while_it_is_away(postgres, spool, way):
    if way == "stop":
        away, back = postgres.stop, postgres.start
    else:
        away, back = postgres.freeze, postgres.thaw

    async def main():
        store = open_store(postgres.url, spool)
        await until_up(store)
        told, slowest, degraded, stop = set(), 0.0, 0, False

        async def caller(name):
            nonlocal slowest, degraded
            n = 0
            while not stop:
                n += 1
                one = event(f"{name}-{n}", f"user{name}", at=NOW + n)
                start = time.perf_counter()
                answer = await store.add([one])
                recent = await store.of_user(one.user, 5)
                slowest = max(slowest, time.perf_counter() - start)
                assert answer.stored == 1
                assert recent.degraded or one in recent.events
                degraded += bool(answer.degraded)
                told.add(one.id)
                await asyncio.sleep(0.005)

        callers = [asyncio.create_task(caller(name)) for name in range(6)]
        try:
            await asyncio.sleep(0.3)
            assert degraded == 0
            await off_the_loop(away)
            await asyncio.sleep(2.5)
            assert store.facts()["state"] == "gone"
            start = time.perf_counter()
            await store.of_user("user1", 5)
            assert time.perf_counter() - start < 0.2  # nobody waits for it any more
            during = degraded
            assert during > 50
        finally:
            await off_the_loop(back)
        await until_up(store)
        await asyncio.sleep(0.2)
        stop = True
        await asyncio.gather(*callers)
        assert (await store.add([event("last")])).degraded == ()
        assert await everything(store) == told | {"last"}
        assert slowest < 5
        await store.close()

    asyncio.run(main())


def test_a_restart_while_nobody_asks_goes_unnoticed(postgres, spool):
    async def main():
        store = open_store(postgres.url, spool)
        await store.add([event()])
        await off_the_loop(postgres.stop)
        await off_the_loop(postgres.start)
        assert await store.add([event("b")]) == Added(1, 0)
        assert store.facts()["losses"] == 0
        await store.close()

    asyncio.run(main())


def test_a_process_killed_while_it_is_gone_leaves_its_spool(postgres, spool, tmp_path):
    postgres.stop()
    said = tmp_path / "said"
    writer = start_writer(postgres.url, spool, "w", said)
    told = set(kill_when_busy(writer, said))
    postgres.start()

    async def main():
        store = open_store(postgres.url, spool)
        await until_up(store)
        found = await everything(store)
        assert len(told) > 50
        assert told <= found
        await store.close()

    asyncio.run(main())


def test_a_spool_that_is_sent_twice_changes_nothing(postgres, spool, tmp_path):
    postgres.stop()

    async def fill():
        store = open_store(postgres.url, spool)
        await store.add([event("a"), event("b")])
        await store.forget("ann")
        await store.add([event("c"), event("d", "bob")])
        await store.close()

    async def send():
        store = open_store(postgres.url, spool)
        await until_up(store)
        assert await everything(store) == {"c", "d"}
        assert store.facts()["sent_conflicts"] == 0
        await store.close()

    asyncio.run(fill())
    shutil.copytree(spool, tmp_path / "copy")
    postgres.start()
    asyncio.run(send())
    shutil.rmtree(spool)
    shutil.copytree(tmp_path / "copy", spool)  # as if killed before the file was emptied
    asyncio.run(send())


def test_who_is_forgotten_meanwhile_stays_forgotten(postgres, spool):
    async def main():
        store = open_store(postgres.url, spool)
        await store.add([event("old"), event("kept", "bob")])
        await off_the_loop(postgres.stop)
        await store.add([event("waiting"), event("kept2", "bob")])
        gone = await store.forget("ann")
        assert (gone.events, gone.degraded) == (1, (GONE_FORGET,))
        assert (await store.of_user("ann", 9)).events == ()
        assert b'"waiting"' not in next(spool.glob("*.jsonl")).read_bytes()
        await store.add([event("new")])
        assert [one.id for one in (await store.of_user("ann", 9)).events] == ["new"]
        await store.close()

        again = open_store(postgres.url, spool)
        assert [one.id for one in (await again.of_user("ann", 9)).events] == ["new"]
        await off_the_loop(postgres.start)
        await until_up(again)
        assert await everything(again) == {"new", "kept", "kept2"}
        await again.close()

    asyncio.run(main())


def test_a_replica_that_did_not_hear_of_a_deletion_brings_nobody_back(postgres, tmp_path):
    postgres.stop()

    async def fill():
        deaf = open_store(postgres.url, tmp_path / "deaf")
        await deaf.add([event("secret"), event("bobs", "bob")])
        await deaf.close()

    async def main():
        store = open_store(postgres.url, tmp_path / "spool")
        await store.forget("ann")
        await store.add([event("since")])
        deaf = open_store(postgres.url, tmp_path / "deaf")
        await until_up(deaf)
        assert await everything(store) == {"since", "bobs"}
        await store.expire(int(time.time()) + 10)
        assert postgres.execute("SELECT * FROM feedback_forgotten", postgres.database) == []
        await deaf.close()
        await store.close()

    asyncio.run(fill())
    postgres.start()
    asyncio.run(main())


def test_many_deletions_in_the_time_a_statement_has(postgres, spool, monkeypatch):
    monkeypatch.setattr("reccore.serve.feedback.tables.BATCH", 100)

    async def main():
        store = open_store(postgres.url, spool)
        await store.add([event(f"e{n}", f"u{n % 2}") for n in range(500)])
        assert (await store.forget("u0")).events == 250
        assert len((await store.of_user("u1", 999)).events) == 250
        await store.close()

    asyncio.run(main())


def test_replicas_that_start_at_once_create_one_schema(postgres, tmp_path):
    async def main():
        stores = [open_store(postgres.url, tmp_path / f"s{n}") for n in range(8)]
        answers = await asyncio.gather(
            *(store.add([event("same"), event(f"e{n}")]) for n, store in enumerate(stores))
        )
        await asyncio.gather(*(until_up(store) for store in stores))
        assert {answer.degraded for answer in answers} == {()}
        assert sum(answer.stored for answer in answers) == 9
        assert len(await everything(stores[0])) == 9
        for store in stores:
            assert store.facts()["sent_conflicts"] == 0
            await store.close()

    asyncio.run(main())


def test_a_full_spool_refuses_events_but_no_deletions(postgres, spool):
    postgres.stop()

    async def main():
        from reccore.serve.feedback.postgres import PostgresStore

        store = PostgresStore(postgres.url, spool, 2_000)
        answers = await asyncio.gather(
            *(store.add([event(f"e{n}", f"u{n}")]) for n in range(40)), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, Refusal)]
        stored = [answer for answer in answers if isinstance(answer, Added)]
        assert stored
        assert len(stored) + len(refused) == 40
        assert {(refusal.status, refusal.code) for refusal in refused} == {
            (503, "feedback_unavailable")
        }
        assert refused[0].retry_after
        assert not await store.ready()
        assert sum(file.stat().st_size for file in spool.glob("*.jsonl")) <= 2_000
        assert store.facts()["refused"] == len(refused)
        assert (await store.forget("u0")).events == 1
        await off_the_loop(postgres.start)
        await until_up(store)
        assert await store.ready()
        assert len(await everything(store)) == len(stored) - 1
        await store.close()

    asyncio.run(main())


def test_a_spool_whose_disk_fails_refuses(postgres, spool, monkeypatch):
    postgres.stop()

    async def main():
        store = open_store(postgres.url, spool)
        assert (await store.add([event("a")])).stored == 1

        def fails(file):
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", fails)
            with pytest.raises(Refusal):
                await store.add([event("b")])
            with pytest.raises(Refusal):
                await store.forget("ann")  # not recorded: so not promised
        assert [one.id for one in (await store.of_user("ann", 9)).events] == ["a"]
        assert (await store.add([event("b")])).stored == 1
        await off_the_loop(postgres.start)
        await until_up(store)
        assert await everything(store) == {"a", "b"}
        await store.close()

    asyncio.run(main())


def test_what_was_stored_first_stays_when_the_spool_disagrees(postgres, spool):
    async def main():
        store = open_store(postgres.url, spool)
        await store.add([event("a", value=3.0)])
        await off_the_loop(postgres.stop)
        assert (await store.add([event("a", value=5.0), event("b")])).stored == 2
        await off_the_loop(postgres.start)
        await until_up(store)
        assert [one.value for one in (await store.of_user("ann", 9)).events] == [3.0, None]
        assert store.facts()["sent_conflicts"] == 1
        await store.close()

    asyncio.run(main())


def test_a_database_that_only_reads_is_gone_for_writing(postgres, spool):
    async def main():
        store = open_store(postgres.url, spool)
        await store.add([event("a")])
        await store.close()
        name = postgres.database
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        store = open_store(postgres.url, spool)
        assert (await store.add([event("b")])).degraded == (GONE_WRITE,)
        assert "ReadOnly" in store.facts()["reason"]
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )
        await until_up(store)
        assert await everything(store) == {"a", "b"}
        await store.close()

    asyncio.run(main())


def test_reasons_are_said_and_hold_nothing_personal(postgres, spool, caplog):
    caplog.set_level(logging.DEBUG, "reccore")
    name = postgres.database
    postgres.execute(f"DROP DATABASE {name}")
    postgres.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")

    async def main(url):
        store = open_store(url, spool)
        await store.add([event("i-am-an-id", "annabel", "a-private-film")])
        await store.forget("annabel")
        reason = store.facts()["reason"]
        await store.close()
        return reason

    assert "UTF8" in asyncio.run(main(postgres.url))
    other = postgres.url.replace(name, "nowhere").replace("feedback@", "feedback:hunter2@")
    assert '"nowhere" does not exist' in asyncio.run(main(other))
    assert caplog.records
    for word in ("annabel", "i-am-an-id", "private", "hunter2"):
        assert word not in caplog.text


def test_an_address_that_is_none(tmp_path):
    pytest.importorskip("psycopg")
    with pytest.raises(UserError) as refused:
        open_store("postgresql://u:hunter2@host/db?nonsense=1", tmp_path)
    assert "hunter2" not in str(refused.value)


def test_the_driver_is_named_when_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(UserError, match="postgres"):
        open_store("postgresql://host/db", tmp_path)


EVENTS = st.builds(
    event,
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["ann", "bob"]),
    st.sampled_from(["i1", "i2"]),
    at=st.integers(NOW, NOW + 2),
)
STEPS = st.lists(
    st.tuples(st.just("add"), st.lists(EVENTS, min_size=1, max_size=5))
    | st.tuples(st.just("forget"), st.sampled_from(["ann", "bob"]))
    | st.tuples(st.sampled_from(["down", "down", "up", "restart"]), st.none()),
    max_size=14,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_however_often_it_goes_the_end_is_that_of_a_dictionary(steps, postgres, spool, monkeypatch):
    monkeypatch.setattr("reccore.serve.feedback.postgres.FIRST_PAUSE", 0.002)
    monkeypatch.setattr("reccore.serve.feedback.postgres.LONGEST_PAUSE", 0.002)
    down = False

    def opened():
        store = open_store(postgres.url, spool)
        run = store._link.run

        async def sometimes(work, **options):
            if down:
                raise GoneError("as the test wants")
            return await run(work, **options)

        store._link.run = sometimes
        return store

    async def main():
        nonlocal down
        store, model = opened(), Model()
        for user in ("ann", "bob"):
            await store.forget(user)
        for step, value in steps:
            if step == "add":
                answer, expected = await store.add(value), model.add(value)
                assert answer.degraded or answer == expected
            elif step == "forget":
                gone, expected = await store.forget(value), model.forget(value)
                assert gone.degraded or gone.events == expected
            elif step == "restart":
                await store.close()
                store = opened()
            else:
                down = step == "down"
            for user in ("ann", "bob"):
                recent = await store.of_user(user, 2)
                assert recent.degraded or recent.events == model.of_user(user, 2)
        down = False
        await until_up(store)
        for user in ("ann", "bob"):
            assert (await store.of_user(user, 9)).events == model.of_user(user, 9)
        assert store.facts()["spool_events"] == store.facts()["spool_bytes"] == 0
        await store.close()

    asyncio.run(main())

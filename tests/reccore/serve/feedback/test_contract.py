"""What both stores promise, tested on both."""

import asyncio
import time

import pytest
from happenings import NOW, Model, event
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reccore.serve.feedback import Added
from reccore.serve.refusal import Refusal

AWKWARD = [
    "Ω≈ç√ — 日本語 🎬",
    "'; DROP TABLE events; --",
    '"); DELETE FROM feedback_events; --',
    "%s $1 {0} ? :id",
    "line\nbreak\ttab",
    "\\N\\.",
    "{a,b,NULL}",
    "NULL",
    " ",
]


def test_the_same_again_changes_nothing(using):
    batch = [event("a", at=NOW), event("b", item="i2", value=3.5, at=NOW + 1)]

    async def work(store):
        assert await store.add(batch) == Added(2, 0)
        assert await store.add(batch) == Added(0, 2)
        again = [event("a", at=NOW + 99)]  # the server's clock, when the client gave no time
        assert await store.add(again) == Added(0, 1)
        assert (await store.of_user("ann", 10)).events == tuple(batch)
        return store.facts()

    facts = using(work)
    assert (facts["stored"], facts["known"], facts["conflict"]) == (2, 3, 0)
    assert facts["state"] == "up"


def test_an_id_with_other_content_is_a_conflict_and_the_first_stays(using):
    async def work(store):
        await store.add([event("a", value=3.0)])
        assert await store.add([event("a", value=4.0), event("b")]) == Added(1, 0, ("a",))
        assert await store.add([event("a", value=3.0, recommendation="r")]) == Added(0, 0, ("a",))
        assert (await store.of_user("ann", 10)).events[0].value == 3.0

    using(work)


def test_ids_of_different_people_do_not_meet(using):
    async def work(store):
        assert await store.add([event("a", "ann"), event("a", "bob", "i9")]) == Added(2, 0)
        assert (await store.of_user("bob", 10)).events == (event("a", "bob", "i9"),)

    using(work)


def test_an_id_twice_in_one_batch(using):
    batch = [event("a"), event("a"), event("a", item="other"), event("b")]

    async def work(store):
        assert await store.add(batch) == Added(2, 1, ("a",))
        assert await store.add([]) == Added(0, 0)

    using(work)


def test_the_latest_oldest_first(using):
    batch = [event(f"e{n}", at=NOW + n % 7) for n in range(300)]

    async def work(store):
        for start in range(0, 300, 50):
            await store.add(batch[start : start + 50])
        for limit in (0, -1, 1, 20, 150, 1000):
            expected = sorted(batch, key=lambda one: one.at)[-limit:] if limit > 0 else []
            assert list((await store.of_user("ann", limit)).events) == expected
        assert (await store.of_user("nobody", 5)).events == ()

    using(work)


def test_awkward_text_comes_back_as_it_went(using):
    batch = [
        event(f"{n}{a}"[:64], b, a, "like", 1.0, NOW, a[:64])
        for n, (a, b) in enumerate((a, b) for a in AWKWARD for b in AWKWARD)
    ]

    async def work(store):
        assert await store.add(batch) == Added(len(batch), 0)
        for user in AWKWARD:
            expected = tuple(one for one in batch if one.user == user)
            assert (await store.of_user(user, 100)).events == expected
        assert (await store.forget("'; DROP TABLE events; --")).events == len(AWKWARD)
        assert (await store.of_user("NULL", 100)).events

    using(work)


def test_forgetting_a_person(using, opened):
    async def work(store):
        await store.add([event(f"e{n}", user) for n in range(5) for user in ("ann", "bob")])
        gone = await store.forget("ann")
        assert (gone.events, gone.degraded) == (5, ())
        assert (await store.of_user("ann", 9)).events == ()
        assert len((await store.of_user("bob", 9)).events) == 5
        assert (await store.forget("ann")).events == 0
        assert await store.add([event("e1")]) == Added(1, 0)  # may come back

    using(work)

    async def later(store):
        assert (await store.of_user("ann", 9)).events == (event("e1"),)

    using(later)


def test_forgetting_comes_after_what_was_sent_before(using):
    async def work(store):
        adding = [asyncio.create_task(store.add([event(f"e{n}")])) for n in range(20)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await store.forget("ann")
        await asyncio.gather(*adding)
        assert (await store.of_user("ann", 99)).events == ()

    using(work)


@pytest.mark.parametrize("user", ["", "a\0b", "half a pair \ud800", "u" * 300])
def test_people_that_cannot_be_have_no_events_and_do_no_harm(using, user):
    async def work(store):
        await store.add([event()])
        assert (await store.of_user(user, 5)).events == ()
        assert (await store.forget(user)).events == 0
        assert store.facts()["state"] == "up"
        assert await store.add([event("b")]) == Added(1, 0)

    using(work)


def test_retention(using):
    batch = [event(f"e{n}", at=NOW + n) for n in range(4500)]

    async def work(store):
        await store.add(batch)
        assert await store.expire(NOW + 4400) == 4400
        assert await store.expire(NOW + 4400) == 0
        assert list((await store.of_user("ann", 9999)).events) == batch[4400:]

    using(work)


def test_export_is_whole_and_in_order(using):
    batch = [event(f"e{n}", f"u{n % 3}", at=NOW + n // 1500) for n in range(4321)]

    async def work(store):
        await store.add(batch)
        parts = [part async for part in store.export()]
        assert [one for part in parts for one in part] == batch
        assert len(parts) > 1
        since = [one async for part in store.export(NOW + 2) for one in part]
        assert since
        assert [one.at for one in since] == [one.at for one in batch if one.at >= NOW + 2]

    using(work)


def test_the_future_is_refused(using):
    async def work(store):
        with pytest.raises(Refusal) as refused:
            await store.add([event(), event("b", at=int(time.time()) + 200_000)])
        assert (refused.value.status, refused.value.field) == (422, "at")
        assert (await store.of_user("ann", 9)).events == ()

    using(work)


def test_many_callers_share_writes(using):
    async def work(store):
        await store.add([event("first")])
        answers = await asyncio.gather(
            *(store.add([event(f"e{n}", f"u{n % 7}"), event("shared")]) for n in range(200))
        )
        assert sum(answer.stored for answer in answers) == 201
        assert sum(answer.known_before for answer in answers) == 199
        return store.facts()

    assert using(work)["groups"] <= 4


def test_a_closed_store_refuses(opened):
    async def main():
        store = opened()
        assert await store.ready()
        adding = asyncio.create_task(store.add([event()]))
        await asyncio.sleep(0.05)
        await store.close()
        assert await adding == Added(1, 0)
        with pytest.raises(Refusal):
            await store.add([event("late")])

    asyncio.run(main())


def test_on_the_event_loop_of_the_server(opened):
    uvloop = pytest.importorskip("uvloop")

    async def main():
        store = opened()
        assert await store.add([event()]) == Added(1, 0)
        assert len((await store.of_user("ann", 5)).events) == 1
        await store.close()

    uvloop.run(main())


IDS = st.sampled_from(["a", "b", "ü"])
USERS = st.sampled_from(["ann", "bob'"])
EVENTS = st.builds(
    event,
    IDS,
    USERS,
    st.sampled_from(["i1", "i2"]),
    st.just("rate"),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.integers(NOW, NOW + 3),
    st.none() | st.just("r"),
)
STEPS = st.lists(
    st.tuples(st.just("add"), st.lists(EVENTS, max_size=6))
    | st.tuples(st.just("forget"), USERS)
    | st.tuples(st.just("expire"), st.integers(NOW, NOW + 4)),
    max_size=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_it_does_what_a_dictionary_does(steps, opened):
    async def main():
        store, model = opened(), Model()
        for user in ("ann", "bob'"):
            await store.forget(user)
        for step, value in steps:
            if step == "add":
                assert await store.add(value) == model.add(value)
            elif step == "forget":
                assert (await store.forget(value)).events == model.forget(value)
            else:
                assert await store.expire(value) == model.expire(value)
            for user in ("ann", "bob'"):
                for limit in (2, 50):
                    found = (await store.of_user(user, limit)).events
                    assert found == model.of_user(user, limit)
        await store.close()

    asyncio.run(main())

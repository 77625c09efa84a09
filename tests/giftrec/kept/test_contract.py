"""What both stores promise."""

from datetime import date

import pytest
from recommendations import NOW, kept

from giftrec.kept import new_id
from giftrec.money import Money
from reccore.serve.refusal import Refusal


def test_what_was_kept_is_found_again_in_another_process(using):
    one = kept(
        passed_over=("g3",),
        wishes=("Töpfern", "a \x00 NUL", "日本"),
        needed_by=date(2025, 3, 9),
        at_least=Money(minor=100, currency="EUR"),
        not_these=("g3",),
        count=2,
    )
    nobodys = kept(user=None)

    async def save(store):
        await store.save(one)
        await store.save(nobodys)

    async def get(store):
        return await store.get(one.id), await store.get(nobodys.id), await store.get(new_id())

    using(save)
    assert using(get) == (one, nobodys, None)


def test_the_same_id_again_changes_nothing(using):
    one = kept()

    async def work(store):
        await store.save(one)
        await store.save(kept(id=one.id, user="bob", shown=("g9",)))
        return await store.get(one.id)

    assert using(work) == one


@pytest.mark.parametrize("id", ["", "x" * 10_000, "A" * 26, "\ud800" * 26, "a\0" * 13, "é" * 26])
def test_what_is_no_id_is_nothing_kept(using, id):
    assert using(lambda store: store.get(id)) is None


def test_a_person_is_forgotten_and_others_are_not(using):
    anns = [kept() for _ in range(1203)]  # more than one batch
    others = [kept(user="bob"), kept(user=None)]

    async def work(store):
        for one in anns + others:
            await store.save(one)
        gone = await store.forget("ann")
        again = await store.forget("ann")
        impossible = [await store.forget(user) for user in ("", "\ud800", "a\0b", "x" * 999)]
        left = [await store.get(one.id) for one in (anns[0], *others)]
        return gone, again, impossible, left

    assert using(work) == (1203, 0, [0, 0, 0, 0], [None, *others])


def test_what_is_older_expires(using):
    every = [kept(at=NOW + second) for second in range(1100)]

    async def work(store):
        for one in reversed(every):
            await store.save(one)
        gone = await store.expire(NOW + 1050)
        left = [one async for part in store.export() for one in part]
        return gone, left

    assert using(work) == (1050, every[1050:])


def test_export_goes_by_time_in_batches_and_misses_none(using):
    every = [kept(at=NOW + second % 7) for second in range(1234)]

    async def work(store):
        for one in every:
            await store.save(one)
        parts = [part async for part in store.export()]
        since = [one async for part in store.export(NOW + 5) for one in part]
        return parts, since

    parts, since = using(work)
    assert len(parts) == 3
    ordered = sorted(every, key=lambda one: (one.at, one.id))
    assert [one for part in parts for one in part] == ordered
    assert since == [one for one in ordered if one.at >= NOW + 5]


def test_a_row_that_another_version_wrote_is_said_to_be_unreadable(using, monkeypatch):
    good, other = kept(at=NOW), kept(at=NOW + 1)

    async def work(store):
        await store.save(good)
        row = other.row
        monkeypatch.setattr(
            "giftrec.kept.kept.Kept.row", (*row[:3], '{"wish": {}, "shown": [], "new": 1}')
        )
        await store.save(other)
        with pytest.raises(Refusal) as refused:
            await store.get(other.id)
        left = [one async for part in store.export() for one in part]
        return refused.value.status, left, store.facts()["unreadable"]

    assert using(work) == (410, [good], 2)


def test_a_store_that_is_closed_refuses(using, opened):
    store = opened()
    using(lambda store: store.save(kept()), store)
    with pytest.raises(Refusal) as refused:
        using(lambda store: store.save(kept()), store)
    assert refused.value.code == "recommendations_unavailable"


def test_a_store_says_that_it_is_ready_and_what_it_did(using):
    async def work(store):
        ready = await store.ready()
        await store.save(kept())
        return ready, store.facts()

    ready, facts = using(work)
    assert ready
    assert facts["state"] == "up"
    assert (facts["saved"], facts["refused"]) == (1, 0)
    assert "ann" not in str(facts)

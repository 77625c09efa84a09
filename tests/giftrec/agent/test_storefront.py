"""A snapshot as the model reads it, and which of many gifts it looks at."""

import asyncio
from dataclasses import fields

import numpy as np
import polars as pl
import pytest
from stall import ON, PATIENT, Shelf, opened, shown, wish

from giftrec.agent.candidates import allowed, candidates, promise
from giftrec.agent.storefront import LEAD_DAYS, STOCK, Storefront
from giftrec.catalog.sources.generated import generated, tables_of
from giftrec.catalog.world import default_world
from giftrec.columns import Columns
from giftrec.inputs import Shelf as Columned
from giftrec.money import Money
from reccore.errors import UserError

TOLERANCE = {"volatility": 0.02, "rating": 0.03}  # weighed otherwise; means the same


def test_a_generated_worlds_snapshot_reads_as_the_world_does(bundle, tmp_path):
    """The model was taught on the world's own columns."""
    world = default_world()
    with opened(*tables_of(world), bundle, tmp_path) as stall:
        own, listed = stall.front.shelf, Columned.of(world, bundle.text_buckets)
        assert len(own) == len(listed) == 45
        for field in fields(Columned):
            ours, theirs = getattr(own, field.name), getattr(listed, field.name)
            assert ours.dtype == theirs.dtype, field.name
            atol = TOLERANCE.get(field.name, 0)
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=atol, err_msg=field.name)
            if atol:
                assert np.corrcoef(ours, theirs)[0, 1] > 0.9, field.name


def test_what_no_shop_states_is_filled_in_for_the_model_only(stall_of):
    shelf = Shelf().gift("known", 2000, fees=300, stock=4, lead_days=3)
    shelf.gift("vague", 1000, fees=None, stock=None, lead_days=None).gift("unpriced", None)
    front = stall_of(shelf).front
    number = front.snapshot.index
    known, vague, unpriced = number["known"], number["vague"], number["unpriced"]
    columns = front.shelf
    assert [c[known] for c in (columns.price, columns.fees)] == [2000, 300]
    assert [c[known] for c in (columns.stock, columns.lead_days)] == [4, 3]
    assert [c[vague] for c in (columns.fees, columns.stock)] == [0, STOCK]
    assert columns.lead_days[vague] == LEAD_DAYS
    assert front.sold.tolist() == [n != unpriced for n in range(3)]
    assert np.isfinite(columns.price).all()


def test_a_category_that_nobody_told_is_read_from_the_words(stall_of):
    shelf = Shelf().gift("novel", category=None, title="A crime novel, hardback book to read")
    front = stall_of(shelf.gift("mug", category="kitchen")).front
    names = front.vocabulary.levels("category")
    assert names[front.shelf.category[front.snapshot.index["novel"]]] == "books"
    assert names[front.shelf.category[front.snapshot.index["mug"]]] == "kitchen"


def test_notes_of_a_catalogue_are_in_every_answer(stall_of):
    shelf = Shelf().gift("mug")
    shelf.facts["notes"] = ["only for the staff"]
    for agent in (stall_of(shelf).agent(), stall_of(shelf).agent(settings=PATIENT)):
        assert "only for the staff" in agent.recommend_sync(wish()).notes
        assert "only for the staff" in agent.recommend_sync(wish(1)).notes


@pytest.fixture(scope="module")
def large(bundle, tmp_path_factory):
    tables, facts = generated(1200, 3)
    with opened(tables, facts, bundle, tmp_path_factory.mktemp("large")) as stall:
        yield stall


def test_of_many_gifts_the_most_promising_are_looked_at(large):
    front = large.front
    asked = wish(6000, on=front.as_of, hobbies=("gardening",), wishes=("bees",))
    who = Columns.of([asked.profile], front.vocabulary)
    words = np.random.default_rng(0).random(len(front)).astype(np.float32)
    found = candidates(asked, 6000, who, front, words, 100)
    assert len(found.gifts) == 100
    assert (np.diff(found.gifts) > 0).all()
    np.testing.assert_array_equal(found.words, words[found.gifts])
    worth = promise(who, front, words, 6000)
    open_ = np.flatnonzero(allowed(asked, front) & (front.snapshot.price <= 9000))
    left = np.setdiff1d(open_, found.gifts)
    assert worth[found.gifts].min() >= worth[left].max()
    everything = candidates(asked, 6000, who, front, words, len(front))
    np.testing.assert_array_equal(everything.gifts, open_)


def test_a_large_catalogue_is_answered_as_soundly(large):
    on = large.front.as_of
    reply = large.agent().recommend_sync(
        wish(6000, on=on, hobbies=("gardening",), excluded=("book",))
    )
    assert len(shown(reply)) == 5
    for pick in reply.picks:
        assert pick.cost.total.minor <= 6000
        assert "book" not in pick.title.lower().split()
        assert pick.delivery.in_time


def test_the_same_wish_is_answered_the_same_way(shop):
    agent = shop.agent()
    asked = wish(6600, hobbies=("crafts",), wishes=("pottery",))
    first, second = (agent.recommend_sync(asked) for _ in range(2))
    left_out = {"trace", "tools"}
    assert first.model_dump(exclude=left_out) == second.model_dump(exclude=left_out)


async def _stages(agent, asked):
    done = []

    async def through(stage):
        done.append(stage)
        return stage()

    return await agent.recommend(asked, through), len(done)


def test_stages_go_through_a_servers_queue(shop):
    """Tools are waited for outside of it."""
    asked = wish(6600, hobbies=("crafts",))
    reply, stages = asyncio.run(_stages(shop.agent(), asked))
    assert stages == 3
    assert shown(reply) == shown(shop.agent().recommend_sync(asked))


def test_what_the_agent_cannot_read_is_refused(shop):
    agent = shop.agent()
    with pytest.raises(UserError, match="falconry"):
        agent.recommend_sync(wish(hobbies=("falconry",)))
    yen = wish().profile.model_copy(update={"budget": Money(minor=9000, currency="JPY")})
    dear = wish().model_copy(update={"profile": yen})
    with pytest.raises(UserError, match="JPY"):
        agent.recommend_sync(dear)


def test_gifts_are_known_by_id_whatever_their_order(bundle, tmp_path):
    """Turned round, the same shop answers the same."""
    shelf = Shelf()
    for n in range(9):
        kinds = [["gardening"], ["music"], []][n % 3]
        shelf.gift(f"thing-{n}", 1000 + 100 * n, hobbies=kinds, category=None)
    asked = wish(3000, hobbies=("gardening",))
    answers = []
    for step in (1, -1):
        tables = {**shelf.tables, "gifts": shelf.tables["gifts"][::step]}
        tables["gifts"] = tables["gifts"].with_columns(category=pl.lit("outdoor"))
        with opened(tables, shelf.facts, bundle, tmp_path / str(step)) as stall:
            answers.append(stall.agent().recommend_sync(asked))
    assert set(shown(answers[0])) == set(shown(answers[1]))


def test_a_storefront_is_the_days_snapshot(shop):
    assert isinstance(shop.front, Storefront)
    assert shop.front.as_of == ON
    assert len(shop.front) == 45

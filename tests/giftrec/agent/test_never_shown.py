"""Nothing that may not be shown ever is, whatever is asked and however live rows have moved."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stall import ON, PATIENT, Shelf, patient_tools, shown, wish

from giftrec.agent.settings import AgentSettings
from giftrec.catalog.search import question_words
from giftrec.catalog.world import default_world
from giftrec.money import Money, RateTable
from giftrec.tools.workdays import Calendar
from giftrec.vocabulary import default_vocabulary

WORDS = default_vocabulary()
IDS = tuple(gift.id for gift in default_world().gifts)
TITLES = tuple(gift.title for gift in default_world().gifts)
AGAINST = ("books", "book", "coffee", "plastic", "wool", "candle", "kitchen", "tea", "hiking", "!?")
RATES = RateTable(on=ON, base="EUR", rates={"USD": 0.9, "JPY": 0.006})


def offers_moved(offers: pl.DataFrame, how: str) -> pl.DataFrame:
    """The shops' offers as they may stand some time after the snapshot."""
    draw = np.random.default_rng(3)
    size = len(offers)
    if how == "dearer":
        by = draw.uniform(0.9, 1.8, size)
        return offers.with_columns(price=(pl.col("price") * pl.Series(by)).cast(pl.Int64))
    if how == "fees":
        return offers.with_columns(fees=pl.Series(draw.integers(0, 3000, size)))
    if how == "emptied":
        left = pl.Series(draw.random(size) > 0.6).cast(pl.Int64)
        return offers.with_columns(stock=pl.col("stock") * left)
    if how == "slower":
        return offers.with_columns(lead_days=pl.Series(draw.integers(0, 30, size)))
    if how == "stale":
        return offers.with_columns(as_of=pl.col("as_of") - pl.duration(days=40))
    if how == "of tomorrow":
        later = pl.Series(draw.random(size) > 0.5)
        moved = pl.col("as_of") + pl.duration(days=1)
        return offers.with_columns(as_of=pl.when(later).then(moved).otherwise(pl.col("as_of")))
    if how == "gone":
        return offers.filter(pl.Series(draw.random(size) > 0.5))
    if how == "mixed":
        for one in ("dearer", "emptied", "slower"):
            offers = offers_moved(offers, one)
    return offers


MOVED = ("same", "dearer", "fees", "emptied", "slower", "stale", "of tomorrow", "gone", "mixed")


@pytest.fixture(scope="module")
def agents(shop):
    """Agents whose tools see other offers than the snapshot has."""
    return {
        (how, tools): shop.agent(
            shop.live(offers=offers_moved(shop.snapshot.offers, how)),
            PATIENT.model_copy(update={"tools": tools}),
            rates=RATES,
        )
        for how in MOVED
        for tools in ("chosen", "none")
    }


def some(words: tuple[str, ...], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), max_size=most, unique=True).map(tuple)


@st.composite
def wishes(draw):
    currency = draw(st.sampled_from(["EUR", "EUR", "USD", "JPY"]))
    minor = draw(st.integers(500, 15_000) | st.integers(1, 500)) * (1 if currency != "JPY" else 2)
    more = {}
    if draw(st.booleans()):
        more["at_least"] = Money(minor=draw(st.integers(0, minor)), currency=currency)
    if draw(st.booleans()):
        more["needed_by"] = ON + timedelta(days=draw(st.integers(0, 20)))
    plain = wish(
        days=draw(st.integers(0, 30)),
        age=draw(st.integers(3, 95)),
        hobbies=draw(some(WORDS.levels("hobby"), 4)),
        preferences=draw(some(WORDS.levels("preference"), 3)),
        relationship=draw(st.sampled_from(WORDS.levels("relationship"))),
        occasion=draw(st.sampled_from(WORDS.levels("occasion"))),
        wishes=draw(some(("pottery", "falconry", "something for tea", "zzz"), 2)),
        excluded=draw(some(AGAINST, 3)),
        owned=draw(some(TITLES, 3)),
        not_these=draw(some((*IDS, "of-another-shop"), 12)),
        like=draw(st.none() | st.sampled_from((*IDS, "of-another-shop"))),
        count=draw(st.integers(1, 10)),
        **more,
    )
    budget = Money(minor=minor, currency=currency)
    return plain.model_copy(update={"profile": plain.profile.model_copy(update={"budget": budget})})


def wrong(pick, asked, live: pl.DataFrame, snapshot) -> list[str]:
    """Why a gift should not have been shown: an obvious reading of the live rows."""
    found = []
    gift = snapshot.gift(pick.gift)
    budget = RATES.convert(asked.profile.budget, "EUR").minor
    text = set(question_words(f"{gift.title} {gift.description}"))
    for word in asked.excluded:
        if word != "!?" and set(question_words(word)) <= text:
            found.append(f"excluded: {word}")
        if word.lower() in {gift.category, *gift.hobbies}:
            found.append(f"of an excluded kind: {word}")
    found += [f"owned: {o}" for o in asked.owned if o == gift.title]
    if pick.gift in asked.not_these or pick.gift == asked.like:
        found.append("not to be shown again")
    if asked.profile.age < 14 and asked.profile.age < (gift.age_low or 0) <= 14:
        found.append("for older children")
    total = pick.cost.total.minor
    if total > budget:
        found.append(f"costs {total} of {budget}")
    if total != pick.cost.price.minor + pick.cost.fees.minor:
        found.append("the total is not price and fees")
    offers = live.filter(
        (pl.col("gift") == pick.gift)
        & (pl.col("shop") == (pick.cost.shop or ""))
        & (pl.col("as_of") <= asked.on)
        & (pl.col("stock") > 0)
        & (pl.col("price") + pl.col("fees") == total)
    )
    by = [Calendar((), False).arrival(asked.on, days) for days in offers["lead_days"]]
    if not any(day <= asked.day for day in by):
        found.append(f"no shop has it at {total} by {asked.day}")
    if pick.delivery.arrives not in by:
        found.append(f"arrives {pick.delivery.arrives}, but offers do {by}")
    return found


@pytest.mark.parametrize("tools", ["chosen", "none"])
@pytest.mark.parametrize("how", MOVED)
def test_whatever_has_moved_since_the_snapshot(how, tools, agents, shop):
    agent = agents[how, tools]
    live = offers_moved(shop.snapshot.offers, how)
    some_shown = 0

    @settings(max_examples=25)
    @given(wishes())
    @example(wish(40_000, hobbies=("hiking",)))  # with money and time enough to be shown something
    def check(asked):
        nonlocal some_shown
        reply = agent.recommend_sync(asked)
        some_shown += len(reply.picks)
        assert len(set(shown(reply))) == len(reply.picks) <= asked.count
        assert [pick.rank for pick in reply.picks] == list(range(1, len(reply.picks) + 1))
        for pick in reply.picks:
            assert wrong(pick, asked, live, shop.snapshot) == []
            assert pick.reasons
        stale = [said for said in reply.degraded if "days old" in said]
        if how == "stale" and reply.picks:
            assert stale

    check()
    assert some_shown, "a test that shows nothing proves nothing"


def test_gifts_without_a_price_are_never_shown(stall_of):
    shelf = Shelf().gift("atlas", None, hobbies=["travel"]).gift("mug", 1500)
    agent = stall_of(shelf).agent()
    reply = agent.recommend_sync(wish(hobbies=("travel",), wishes=("atlas",)))
    assert shown(reply) == ["mug"]


@pytest.mark.parametrize(
    ("age", "is_shown"), [(3, False), (7, False), (8, True), (13, True), (14, True), (40, True)]
)
def test_a_gift_for_older_children_is_not_for_younger_ones(age, is_shown, stall_of):
    agent = stall_of(Shelf().gift("chemistry-set", age_low=8, age_high=12)).agent()
    assert bool(agent.recommend_sync(wish(age=age)).picks) is is_shown


NAMED = {
    "a word of the title": ("lamp", {"title": "Desk lamp"}),
    "plural": ("lamps", {"title": "Desk lamp"}),
    "a word of the description": ("plastic", {"description": "Made of plastic."}),
    "its category": ("books", {"category": "books"}),
    "its hobby": ("fishing", {"hobbies": ["fishing"]}),
    "a hobby of two words": ("interior design", {"hobbies": ["interior_design"]}),
}


@pytest.mark.parametrize("case", list(NAMED))
def test_what_is_excluded_by_any_name(case, stall_of):
    word, more = NAMED[case]
    agent = stall_of(Shelf().gift("this", **more).gift("mug")).agent()
    assert set(shown(agent.recommend_sync(wish()))) == {"this", "mug"}
    assert shown(agent.recommend_sync(wish(excluded=(word,)))) == ["mug"]


def test_what_is_owned_goes_by_the_title(stall_of):
    shelf = Shelf().gift("tent", title="Two-person tent").gift("peg", description="For a tent.")
    agent = stall_of(shelf).agent()
    assert shown(agent.recommend_sync(wish(owned=("tent",)))) == ["peg"]


def test_at_least_so_much(stall_of):
    agent = stall_of(Shelf().gift("pin", 500).gift("lamp", 3000)).agent()
    least = wish(at_least=Money(minor=2000, currency="EUR"))
    assert shown(agent.recommend_sync(least)) == ["lamp"]
    more = wish(at_least=Money(minor=5000, currency="EUR"))
    reply = agent.recommend_sync(more)
    assert set(shown(reply)) == {"pin", "lamp"}
    assert "nothing costs 50.00 EUR or more within the budget" in reply.notes


@pytest.mark.parametrize("answers", [True, False])
def test_calendar_days_where_the_shop_delivers_every_day(answers, stall_of):
    """3 days from a Friday: a Monday; working days: a Wednesday. So too where the tool is down."""
    friday = date(2026, 11, 27)
    stall = stall_of(Shelf().gift("lamp", lead_days=3))
    tools = patient_tools()
    if not answers:
        tools = [replace(t, answer=broken) if t.name == "inventory_check" else t for t in tools]
    for every_day, day in ((True, date(2026, 11, 30)), (False, date(2026, 12, 2))):
        agent = stall.agent(settings=AgentSettings(every_day=every_day, deadline_s=20), tools=tools)
        (lamp,) = agent.recommend_sync(wish(on=friday)).picks
        assert lamp.delivery.arrives == day


def broken(request, provider):
    raise ValueError("out of order")

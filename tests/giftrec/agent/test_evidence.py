"""Reasons: only signals whose removal would lower the score, and only where the words are true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stall import ON, Shelf, patient_tools, wish

from giftrec.agent import evidence
from giftrec.agent.agent import Agent
from giftrec.agent.evidence import LEAST, MOST, PERSONAL
from giftrec.agent.settings import AgentSettings
from giftrec.columns import Columns
from giftrec.inputs import LEAD, PRICE, QUALITY, TREND, Facts
from giftrec.tools.runner import Runner
from giftrec.vocabulary import default_vocabulary

WORDS = default_vocabulary()
TELLS = {"price": PRICE, "reviews": QUALITY, "delivery": LEAD, "trend": TREND}


def weighed(agent: Agent, asked):
    """A wish as it stands when the tools have answered."""
    asking = agent.begin(asked)
    requests = agent.requests(asking)
    agent.told(asking, agent.runner.run_sync(requests, 20))
    agent.weigh(asking)
    return asking


def one_by_one(agent: Agent, asking, signal: str, what: str) -> np.ndarray:
    """What each gift of the shortlist loses, asked again without one signal, one profile a time."""
    seen = asking.seen.over(asking.places)
    facts, profile = asking.judged.facts, asking.profile

    def expected(profile, facts):
        return seen.rewards(Columns.of([profile], WORDS), facts).expected[0]

    if signal in TELLS:
        known = facts.known.copy()
        told = facts.told.copy()
        known[0, TELLS[signal]] = 0
        told[TELLS[signal]] = 0
        others = [(profile, Facts(told, known))]
    elif signal in ("hobby", "preference"):
        field = {"hobby": "hobbies", "preference": "preferences"}[signal]
        less = tuple(word for word in getattr(profile, field) if word != what)
        others = [(profile.model_copy(update={field: less}), facts)]
    else:
        levels = [level for level in WORDS.levels(signal) if level != what]
        others = [(profile.model_copy(update={signal: level}), facts) for level in levels]
    return expected(profile, facts) - np.mean([expected(*other) for other in others], axis=0)


def test_removals_all_at_once_are_removals_one_by_one(shop):
    agent = shop.agent(settings=AgentSettings(deadline_s=20, tools="all"))
    asked = wish(
        6600, hobbies=("crafts", "hiking"), preferences=("handmade",), relationship="sibling"
    )
    asking = weighed(agent, asked)
    gifts = np.arange(len(asking.gifts))
    seen = asking.seen.over(asking.places)
    lost = evidence.removals(asking.profile, asking.judged.facts, gifts, seen, shop.front)
    signals = [(without.signal, without.what) for without in lost]
    assert len(signals) == len(set(signals)) == 3 + 2 + 4
    for without in lost:
        plain = one_by_one(agent, asking, without.signal, without.what)
        np.testing.assert_allclose(without.loss, plain, atol=2e-5)


@settings(max_examples=12)
@given(
    hobbies=st.lists(st.sampled_from(WORDS.levels("hobby")), max_size=3, unique=True).map(tuple),
    preferences=st.lists(st.sampled_from(WORDS.levels("preference")), max_size=3, unique=True).map(
        tuple
    ),
    occasion=st.sampled_from(WORDS.levels("occasion")),
    relationship=st.sampled_from(WORDS.levels("relationship")),
    budget=st.integers(2500, 12_000),
)
def test_every_reason_hangs_on_its_signal_and_is_true(shop_agent, budget, **profile):
    asked = wish(budget, **profile)
    reply = shop_agent.recommend_sync(asked)
    asking = weighed(shop_agent, asked)
    front = shop_agent.front
    names = [front.snapshot.ids[number] for number in asking.gifts.tolist()]
    lost: dict[tuple[str, str], np.ndarray] = {}
    for pick in reply.picks:
        gift = front.snapshot.gift(pick.gift)
        assert 1 <= len(pick.reasons) <= MOST
        order = [(reason.signal not in PERSONAL, -reason.weight) for reason in pick.reasons]
        assert order == sorted(order), "first what is about the recipient, then by weight"
        for reason in pick.reasons:
            if reason.signal == "budget":
                assert pick.reasons == (reason,), "only where there is nothing else to say"
                continue
            assert reason.weight >= LEAST
            what = said_of(reason, asked.profile)
            if (reason.signal, what) not in lost:
                lost[reason.signal, what] = one_by_one(shop_agent, asking, reason.signal, what)
            loss = lost[reason.signal, what][names.index(pick.gift)]
            assert loss == pytest.approx(reason.weight, abs=1e-3)
            if reason.words.startswith("for "):
                assert what in gift.hobbies
            if reason.words.startswith("close to "):
                kinds = {WORDS.hobbies[hobby] for hobby in gift.hobbies}
                assert what not in gift.hobbies
                assert WORDS.hobbies[what] in kinds
            if reason.signal == "preference":
                assert what in gift.preferences
            if reason.words.startswith("made for: "):
                assert what in gift.occasions
            if reason.signal == "delivery":
                assert str(pick.delivery.arrives) in reason.words
            if reason.signal == "price":
                assert str(pick.cost.price) in reason.words


def said_of(reason, profile) -> str:
    """The word of the profile that a reason speaks of."""
    if reason.signal in TELLS:
        return ""
    if reason.signal in ("occasion", "relationship"):
        return getattr(profile, reason.signal)
    words = (*profile.hobbies, *profile.preferences)
    last = reason.words.removeprefix("for ").removeprefix("close to ").replace(" ", "_")
    (word,) = [word for word in words if word == last]
    return word


@pytest.fixture(scope="module")
def shop_agent(shop):
    return shop.agent(settings=AgentSettings(deadline_s=20, tools="all"))


def test_a_price_below_the_usual_is_said_of_the_shop_that_asks_it(stall_of):
    """The history is of the cheapest shop, which is too late; the gift is bought at another one."""
    shelf = Shelf()
    for n in range(12):
        shelf.gift(f"thing-{n}", 2000, hobbies=["gardening"], lead_days=30)
        shelf.offer(f"thing-{n}", 2600, "South", lead_days=1)
    agent = stall_of(shelf).agent()
    reply = agent.recommend_sync(wish(6000, days=5, hobbies=("gardening",)))
    assert reply.picks
    for pick in reply.picks:
        for reason in pick.reasons:
            assert reason.signal != "price" or reason.words == "26.00 EUR today at South"


def test_without_explanations_there_are_none(shop):
    agent = shop.agent(settings=AgentSettings(deadline_s=20, explain=False))
    reply = agent.recommend_sync(wish(3000))
    assert reply.picks
    assert not any(pick.reasons for pick in reply.picks)
    assert reply.alternatives == ()


def test_a_runner_of_other_tools_still_checks(stall_of):
    """Only two tools are there: the others are asked for in vain, and nothing breaks."""
    stall = stall_of(Shelf().gift("mug", 1500))
    two = [t for t in patient_tools() if t.name in ("price_comparison", "inventory_check")]
    agent = stall.agent(settings=AgentSettings(deadline_s=20, tools="none"), tools=two)
    assert isinstance(agent.runner, Runner)
    (mug,) = agent.recommend_sync(wish()).picks
    assert mug.cost.as_of == ON

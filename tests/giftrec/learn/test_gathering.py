import asyncio
from datetime import date

import pytest

from giftrec.agent.wish import Wish
from giftrec.kept import Kept, new_id, open_kept
from giftrec.learn.gathering import FULL, read
from giftrec.money import Money
from giftrec.schema import Profile
from reccore.errors import UserError
from reccore.serve.feedback import Event, open_store

NOW = 1_700_000_000
PROFILE = Profile(
    age=30,
    hobbies=("painting",),
    relationship="sibling",
    occasion="birthday",
    budget=Money(minor=6000, currency="EUR"),
    days_left=9,
)


@pytest.fixture
def shown(world):
    return tuple(gift.id for gift in world.gifts[:5])


@pytest.fixture
def stores(tmp_path):
    """Fills both stores; returns their addresses."""

    def fill(kept, events):
        async def main():
            made = open_kept(tmp_path / "recommendations.sqlite")
            for one in kept:
                await made.save(one)
            await made.close()
            store = open_store(tmp_path / "feedback.sqlite", tmp_path / "spool")
            await store.add(events)
            await store.close()

        asyncio.run(main())
        return str(tmp_path / "feedback.sqlite")

    return fill


def kept(shown, profile=PROFILE, told=None, user="ann"):
    wish = Wish(profile=profile, on=date(2025, 3, 1), needed_by=date(2025, 3, 6))
    return Kept(new_id(), user, wish, tuple(shown), (), NOW, told or {})


def event(one, item, kind, user="ann", number=0, at=NOW):
    return Event(f"{one.id[:9]}-{item}-{kind}-{number}", user, item, kind, None, at, one.id)


def test_reactions_become_comparisons_with_what_the_tools_told(stores, world, shown):
    one = kept(shown, told={"review_analysis": (0.1, 0.2, 0.3, 0.4, 0.5)})
    events = [event(one, shown[1], "bought"), event(one, shown[0], "owns")]
    gathered = read(stores([one], events), None, world)
    (heard,) = gathered.heard
    assert heard.profile == PROFILE.model_copy(update={"days_left": 5})  # until it is needed
    assert {(p.better, p.worse) for p in heard.preferred} == {(shown[1], g) for g in shown[2:]}
    assert heard.gifts == shown
    assert heard.told == one.told
    assert (gathered.events, gathered.people, dict(gathered.left_out)) == (2, 1, {})


def test_what_cannot_be_used_is_counted_by_reason(stores, world, shown):
    good, foreign = kept((*shown[:2], "unknown-gift")), kept(shown)
    foreign = kept(shown, PROFILE.model_copy(update={"budget": Money(minor=5, currency="JPY")}))
    words = kept(shown, PROFILE.model_copy(update={"hobbies": ("a hobby of no vocabulary",)}))
    quiet = kept(shown)
    events = [
        event(good, shown[0], "bought"),
        event(good, "never-shown", "up"),
        event(good, shown[1], "stared"),
        event(foreign, shown[0], "up"),
        event(words, shown[0], "up"),
        event(quiet, shown[0], "owns"),
        event(kept(shown), shown[0], "up"),
        Event("alone", "ann", shown[0], "up", None, NOW, None),
    ]
    gathered = read(stores([good, foreign, words, quiet], events), None, world)
    assert len(gathered.heard) == 1
    assert gathered.left_out == {
        "events of another kind": 1,
        "events without a recommendation": 1,
        "gifts that were not shown": 1,
        "gifts that are not in training": 1,
        "reactions for recipients in other words or money": 2,
        "reactions that compare nothing": 1,
        "reactions to recommendations that are not kept": 1,
    }
    assert "ann" not in str(gathered)


def test_one_person_does_not_outweigh_the_others(stores, world, shown):
    anns = [kept(shown) for _ in range(4 * FULL)]
    bobs = kept(shown, user="bob")
    events = [event(one, shown[0], "bought") for one in anns]
    events += [event(bobs, shown[0], "bought", user="bob")]
    gathered = read(stores([*anns, bobs], events), None, world)
    weights = sorted(sum(p.weight for p in one.preferred) for one in gathered.heard)
    assert len(weights) == 4 * FULL + 1
    assert sum(weights[:-1]) == pytest.approx(FULL * weights[-1])


def test_two_people_may_react_to_one_recommendation(stores, world, shown):
    one = kept(shown)
    events = [event(one, shown[0], "bought"), event(one, shown[1], "up", user="bob")]
    gathered = read(stores([one], events), None, world)
    assert len(gathered.heard) == 2


def test_a_file_that_is_not_there_is_named_and_not_made(tmp_path, stores, world, shown):
    with pytest.raises(UserError, match="no file of feedback"):
        read(str(tmp_path / "nowhere.sqlite"), None, world)
    address = stores([kept(shown)], [])
    with pytest.raises(UserError, match="no file of recommendations"):
        read(address, str(tmp_path / "nowhere.sqlite"), world)
    assert not (tmp_path / "nowhere.sqlite").exists()

"""One change after another: each gives a whole new slate under a new id."""

from datetime import timedelta
from typing import Any

import pytest
from served_gifts import TODAY, Served, Start

RECIPIENT = {
    "age": 41,
    "relationship": "friend",
    "occasion": "birthday",
    "hobbies": ["gardening", "baking"],
    "budget": "70EUR",
    "days_left": 12,
}


def _next(served: Served, id: str, **change: str) -> dict[str, Any]:
    answer = served.client.post(f"/v1/recommendations/{id}/next", json=change)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _gifts(answer: dict[str, Any]) -> list[str]:
    return [pick["gift"] for pick in answer["picks"]]


@pytest.fixture
def first(served: Served) -> dict[str, Any]:
    return served.ask(recipient=RECIPIENT)


def test_swapped_gifts_do_not_come_back(served: Served, first: dict[str, Any]) -> None:
    answer, gone = first, list[str]()
    for _ in range(3):
        gone.append(_gifts(answer)[0])
        answer = _next(served, answer["recommendation_id"], swap=gone[-1])
        assert not set(gone) & set(_gifts(answer))
        assert len(answer["picks"]) == 5
    ids = {first["recommendation_id"], answer["recommendation_id"]}
    assert len(ids) == 2


def test_most_of_the_slate_stays_when_one_is_swapped(served: Served, first: dict[str, Any]) -> None:
    before = _gifts(first)
    after = _gifts(_next(served, first["recommendation_id"], swap=before[-1]))
    assert len(set(before) & set(after)) >= 3


def test_more_like_one_resembles_it(served: Served, first: dict[str, Any]) -> None:
    gift = _gifts(first)[1]
    answer = _next(served, first["recommendation_id"], more_like=gift)
    assert gift not in _gifts(answer)
    assert answer["understood"]["like"] == gift
    assert answer["text_by"]


def test_owned_and_excluded_go(served: Served, first: dict[str, Any]) -> None:
    gift, title = first["picks"][0]["gift"], first["picks"][1]["title"]
    owned = _next(served, first["recommendation_id"], owns=gift)
    assert gift not in _gifts(owned)
    assert first["picks"][0]["title"] in owned["understood"]["owned"]
    without = _next(served, owned["recommendation_id"], exclude=title)
    assert title in without["understood"]["excluded"]
    assert not {gift, first["picks"][1]["gift"]} & set(_gifts(without))


def test_the_same_change_twice_is_two_recommendations(
    served: Served, first: dict[str, Any]
) -> None:
    gift = _gifts(first)[0]
    one, two = (_next(served, first["recommendation_id"], swap=gift) for _ in range(2))
    assert one["recommendation_id"] != two["recommendation_id"]
    assert _gifts(one) == _gifts(two)
    assert two["cached"] == "memory"


@pytest.mark.parametrize(
    "id",
    [
        "a" * 26,
        "x",
        "0",
        "a" * 200,
        "..%2f..%2fetc",
        "';DROP TABLE kept;--",
        "%F0%9F%8E%81",
        "AAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_an_id_that_nobody_has_is_unknown(served: Served, id: str) -> None:
    answer = served.client.post(f"/v1/recommendations/{id}/next", json={"exclude": "candle"})
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, None),
        ({"swap": "a", "owns": "b"}, None),
        ({"swap": "no such gift"}, "swap"),
        ({"more_like": "no such gift"}, "more_like"),
        ({"owns": "no such gift"}, "owns"),
        ({"exclude": ""}, "exclude"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_change_that_cannot_be_made_is_named(
    served: Served, first: dict[str, Any], change: dict[str, str], field: str | None
) -> None:
    path = f"/v1/recommendations/{first['recommendation_id']}/next"
    assert served.refused(path, change).get("field") == field


def test_only_what_was_shown_can_be_swapped(served: Served, first: dict[str, Any]) -> None:
    other = next(g for g in served.desk.snapshot.ids if g not in _gifts(first))
    path = f"/v1/recommendations/{first['recommendation_id']}/next"
    error = served.refused(path, {"swap": other})
    assert (error["code"], error["field"]) == ("not_shown", "swap")


def test_too_many_changes_are_refused_not_dropped(served: Served) -> None:
    words = [f"word{n}" for n in range(20)]
    asked = served.ask(recipient=RECIPIENT, excluded=words)
    path = f"/v1/recommendations/{asked['recommendation_id']}/next"
    assert served.refused(path, {"exclude": "another"})["field"] == "exclude"
    again = _next(served, asked["recommendation_id"], exclude="word3")  # is there already
    assert len(again["understood"]["excluded"]) == 20


def test_days_go_by(start: Start) -> None:
    """The day it is needed by stays; once it is past, as many days are taken again, and said."""
    with start() as served:
        first = served.ask(recipient=RECIPIENT)
        served.day.now = TODAY + timedelta(days=5)
        later = _next(served, first["recommendation_id"], exclude="candle")
        assert later["understood"]["needed_by"] == "2026-12-03"
        served.day.now = TODAY + timedelta(days=13)
        past = _next(served, first["recommendation_id"], exclude="candle")
        assert past["understood"]["needed_by"] == "2026-12-16"
        assert any("is past" in words for words in past["understood"]["assumed"])


def test_what_was_passed_over_is_kept_for_learning(start: Start) -> None:
    with start() as served:
        first = served.ask(recipient=RECIPIENT, user="ann")
        gift = _gifts(first)[2]
        after = _next(served, first["recommendation_id"], swap=gift)
        assert served.client.portal is not None
        kept = served.client.portal.call(served.gifts.kept.get, after["recommendation_id"])
        assert kept is not None
        assert kept.passed_over == (gift,)
        assert kept.user == "ann"
        assert list(kept.shown) == _gifts(after)

"""Feedback is stored once; who is removed is removed everywhere."""

from typing import Any

from served_gifts import Served, Start

RECIPIENT = {"age": 41, "relationship": "friend", "occasion": "birthday", "budget": "70EUR"}


def _tell(served: Served, *events: dict[str, Any]) -> dict[str, Any]:
    answer = served.client.post("/v1/feedback", json={"events": list(events)})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def test_an_event_counts_once_and_a_contradiction_is_told(start: Start) -> None:
    with start() as served:
        made = served.ask(recipient=RECIPIENT, user="ann")
        about = {"gift": made["picks"][0]["gift"], "recommendation_id": made["recommendation_id"]}
        one = {"id": "1", "kind": "up", "user": "ann", **about}
        two = {"id": "2", "kind": "bought", "user": "ann", **about}
        assert _tell(served, one, two)["stored"] == 2
        again = _tell(served, one, {**two, "kind": "down"})
        assert (again["stored"], again["known_before"]) == (0, 1)
        assert again["conflicts"] == ["2"]


def test_nobody_known_is_kept_by_the_recommendation(start: Start) -> None:
    with start() as served:
        first, second = (served.ask(recipient=RECIPIENT) for _ in range(2))
        told = [
            {"id": "1", "kind": "swap", "gift": "a", "recommendation_id": made["recommendation_id"]}
            for made in (first, second)
        ]
        assert _tell(served, *told)["stored"] == 2  # the same id of two visitors


def test_kinds_and_owners_are_checked(served: Served) -> None:
    good = {"id": "1", "gift": "a", "kind": "up", "user": "ann"}
    for bad, field in (
        ({**good, "kind": "click"}, "events.0.kind"),
        ({"id": "1", "gift": "a", "kind": "up"}, "events.0"),
        ({**good, "at": 1_800_000_000_000}, "events.0.at"),
        ({**good, "id": ""}, "events.0.id"),
        ({**good, "user": "a\0b"}, "events.0.user"),
    ):
        assert served.refused("/v1/feedback", {"events": [bad]})["field"] == field
    assert served.refused("/v1/feedback", {"events": []})["field"] == "events"
    assert served.refused("/v1/feedback", {"events": [good] * 501})["field"] == "events"


def test_who_is_removed_is_removed_everywhere(start: Start) -> None:
    with start() as served:
        made = [served.ask(recipient=RECIPIENT, user="ann/b") for _ in range(2)]
        others = served.ask(recipient=RECIPIENT, user="bob")
        event = {"id": "1", "kind": "up", "gift": made[0]["picks"][0]["gift"]}
        _tell(served, {**event, "user": "ann/b"}, {**event, "user": "bob"})
        gone = served.client.delete("/v1/users/ann/b").json()
        assert (gone["recommendations"], gone["events"]) == (2, 1)
        change = {"exclude": "candle"}
        for one, status in ((made[0], 404), (made[1], 404), (others, 200)):
            path = f"/v1/recommendations/{one['recommendation_id']}/next"
            assert served.client.post(path, json=change).status_code == status
        assert served.client.delete("/v1/users/ann/b").json()["recommendations"] == 0

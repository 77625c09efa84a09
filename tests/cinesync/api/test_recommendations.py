"""What the API answers is what the bundle answers, and every fault is named."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.testclient import TestClient

from cinesync.api.models import KINDS, Happened, Recommend
from cinesync.api.service import met
from reccore.bundle.bundle import Bundle
from reccore.bundle.registry import Registry
from reccore.serve.feedback import Event

ASK = "/v1/recommendations"


@pytest.fixture
def bundle(models: Path) -> Bundle:
    return Bundle.open(Registry("cinesync", models).resolve("films"))


def items(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["item"] for one in answer.json()["items"]]


def texts(answer: Any) -> list[str]:
    return [str(one.item) for one in answer.items]


def test_a_known_user_gets_what_the_bundle_answers(client: TestClient, bundle: Bundle) -> None:
    answer = client.post(ASK, json={"user": 7, "count": 5}).json()
    expected = bundle.recommend(7, k=5)
    assert [one["item"] for one in answer["items"]] == texts(expected)
    assert [one["score"] for one in answer["items"]] == pytest.approx(
        [one.score for one in expected.items], abs=1e-5
    )
    assert [one["title"] for one in answer["items"]] == [one.title for one in expected.items]
    assert answer["model_version"] == "1.1"
    assert answer["arm"] == "champion"
    assert answer["degraded"] == []
    assert answer["cached"] is None
    again = client.post(ASK, json={"count": 5, "user": "7"}).json()
    assert again["cached"] == "memory"
    assert again["items"] == answer["items"]
    assert again["recommendation_id"] != answer["recommendation_id"]


def test_histories_preferences_and_what_is_wanted(client: TestClient, bundle: Bundle) -> None:
    assert items(client.post(ASK, json={"history": ["3", "5"], "count": 4})) == texts(
        bundle.recommend(history=["3", "5"], k=4)
    )
    wanted = {"only": {"genres": ["Comedy"]}, "exclude": ["9", "11"], "diversity": 0.4}
    asked = {"preferences": {"genres": ["Comedy"]}, "count": 6, **wanted}
    expected = bundle.recommend(
        preferences={"genres": ["Comedy"]},
        k=6,
        only=wanted["only"],
        deny=wanted["exclude"],
        diversity=0.4,
    )
    answer = client.post(ASK, json=asked)
    assert items(answer) == texts(expected)
    assert [one["code"] for one in answer.json()["degraded"]] == ["preferences"]
    assert answer.json()["relevance_kept"] == pytest.approx(expected.relevance_kept, abs=1e-4)


def test_reasons_are_history_items_with_shares(client: TestClient) -> None:
    asked = {"history": ["3", "5", "8"], "count": 3, "explain": True}
    for one in client.post(ASK, json=asked).json()["items"]:
        assert {reason["item"] for reason in one["reasons"]} <= {"3", "5", "8"}
        assert sum(reason["share"] for reason in one["reasons"]) <= 1.0001


def test_a_part_of_a_batch_may_fail(client: TestClient) -> None:
    asked = {"requests": [{"user": "1", "count": 2}, {"user": "nobody"}, {"history": ["4"]}]}
    first, second, third = client.post(f"{ASK}/batch", json=asked).json()["answers"]
    assert len(first["items"]) == 2
    assert second["error"]["code"] == "unknown_user"
    assert len(third["items"]) == 10


def test_a_session_comes_after_what_is_known(client: TestClient, bundle: Bundle) -> None:
    new = [item for item in map(str, bundle.items.ids.externals) if item not in
           set(map(str, bundle.items.ids.decode(bundle.seen.row(6)).to_list()))][:2]  # fmt: skip
    expected = texts(bundle.recommend(7, since=new, k=5))
    assert (
        items(client.post("/v1/sessions", json={"user": 7, "items": new, "count": 5})) == expected
    )
    alone = texts(bundle.recommend(history=new, k=5))
    assert items(client.post("/v1/sessions", json={"items": new, "count": 5})) == alone


def test_feedback_changes_the_next_answer_and_comes_once(client: TestClient) -> None:
    before = items(client.post(ASK, json={"user": "7", "count": 5}))
    event = {"id": "e-1", "user": "7", "item": before[0], "kind": "rate", "value": 5}
    other = {"id": "e-2", "user": "7", "item": before[1], "kind": "dislike"}
    taken = client.post("/v1/feedback", json={"events": [event, other]})
    assert taken.status_code == 202
    assert taken.json()["stored"] == 2
    answer = client.post(ASK, json={"user": "7", "count": 5})
    assert answer.json()["cached"] is None
    assert not {before[0], before[1]} & set(items(answer))
    again = client.post("/v1/feedback", json={"events": [event]}).json()
    assert (again["stored"], again["known_before"], again["conflicts"]) == (0, 1, [])
    changed = {**event, "value": 1}
    assert client.post("/v1/feedback", json={"events": [changed]}).json()["conflicts"] == ["e-1"]


def test_who_is_new_is_known_after_feedback(client: TestClient) -> None:
    assert client.post(ASK, json={"user": "new"}).status_code == 404
    event = {"id": "1", "user": "new", "item": "3", "kind": "like"}
    client.post("/v1/feedback", json={"events": [event]})
    answer = client.post(ASK, json={"user": "new", "count": 4})
    assert items(answer) == items(client.post(ASK, json={"history": ["3"], "count": 4}))


def test_somebody_is_removed_from_everywhere(client: TestClient, models: Path) -> None:
    items(client.post(ASK, json={"user": "7"}))
    client.post(
        "/v1/feedback", json={"events": [{"id": "1", "user": "7", "item": "3", "kind": "like"}]}
    )
    gone = client.delete("/v1/users/7").json()
    assert gone == {"bundles": ["1", "2"], "events": 1, "degraded": []}
    answer = client.post(ASK, json={"user": "7"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_user")
    registry = Registry("cinesync", models)
    assert not any(Bundle.open(registry.resolve("films", v)).knows("7") for v in ("1", "2"))
    assert items(client.post(ASK, json={"user": "8"}))
    again = client.delete("/v1/users/7").json()
    assert (again["bundles"], again["events"]) == ([], 0)


def test_the_catalogue_is_searched(client: TestClient, bundle: Bundle) -> None:
    title = str(bundle.items.titles[4])  # type: ignore[index]
    found = client.get("/v1/items", params={"query": title.upper()}).json()
    assert found["items"][0]["title"] == title
    page = client.get("/v1/items", params={"count": 50, "offset": 100}).json()
    assert (page["total"], len(page["items"]), page["next"]) == (120, 20, None)
    comedy = client.get("/v1/items", params={"only": "genres=Comedy", "count": 100}).json()
    assert all("Comedy" in one["features"]["genres"] for one in comedy["items"])
    assert client.get("/v1/items/5").json()["item"] == "5"
    assert client.get("/v1/items/none").json()["error"]["code"] == "unknown_item"
    alike = client.get("/v1/similar/5", params={"count": 3}).json()
    assert len(alike["items"]) == 3
    assert "5" not in [one["item"] for one in alike["items"]]
    assert client.get("/v1/similar/none").status_code == 404


FAULTS = [
    ({}, 422, None),
    ({"user": "1", "history": ["1"]}, 422, None),
    ({"user": "1", "count": 0}, 422, "count"),
    ({"user": "1", "count": "5"}, 422, "count"),
    ({"user": "1", "count": 101}, 422, "count"),
    ({"user": "1", "diversity": 1.5}, 422, "diversity"),
    ({"user": "1", "min_relevance": -1}, 422, "min_relevance"),
    ({"user": "1", "colour": 3}, 422, "colour"),
    ({"user": "x" * 129}, 422, "user"),
    ({"user": ""}, 422, "user"),
    ({"user": None}, 422, None),
    ({"user": True}, 422, "user"),
    ({"user": ["1"]}, 422, "user"),
    ({"user": "nobody"}, 404, "user"),
    ({"history": []}, 422, "history"),
    ({"history": ["1"] * 10_000}, 422, "history"),
    ({"history": ["nowhere", "never"]}, 422, "history"),
    ({"history": [{"item": 1}]}, 422, "history.0"),
    ({"history": ["1"], "times": [1, 2]}, 422, None),
    ({"history": ["1", "2"], "times": [2, 1]}, 422, None),
    ({"history": ["1"], "times": [1 << 41]}, 422, "times.0"),
    ({"user": "1", "exclude": ["1"] * 1001}, 422, "exclude"),
    ({"user": "1", "only": {"mood": ["sad"]}}, 422, "only.mood"),
    ({"user": "1", "only": {"genres": ["Comdy"]}}, 422, "only.genres"),
    ({"preferences": {"genres": []}}, 422, "preferences.genres"),
    ({"preferences": {}}, 422, "preferences"),
    ({"user": "1", "now": -1}, 422, "now"),
    ([], 422, None),
    ("text", 422, None),
]


@pytest.mark.parametrize(("body", "status", "field"), FAULTS)
def test_a_fault_is_named(client: TestClient, body: Any, status: int, field: str | None) -> None:
    answer = client.post(ASK, json=body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error.get("field") == field, error
    assert error["message"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"user": NaN}', "application/json", 404),
        (b"\xff\xfe", "application/json", 400),
        (b'{"user": "\\ud800"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"user=1", "application/x-www-form-urlencoded", 415),
        (b'{"user":"1"}', "text/plain", 415),
        (b'{"user":"1"}', "application/json; charset=utf-8", 200),
        (b" " * 10_000_000, "application/json", 413),
    ],
)
def test_what_is_no_json(client: TestClient, content: bytes, kind: str, status: int) -> None:
    answer = client.post(ASK, content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.json()["error"]["message"]


@given(body=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["user", "history", "count", "only", "now", "x"]), inner, max_size=4),
    max_leaves=8,
))  # fmt: skip
def test_any_json_is_a_request_or_refused(body: Any) -> None:
    """Nothing else than a model or a validation error comes out of anything."""
    try:
        asked = Recommend.model_validate(body)
    except ValidationError:
        return
    assert sum(v is not None for v in (asked.user, asked.history, asked.preferences)) == 1


def test_paths_that_are_not_there(client: TestClient) -> None:
    for path in ("/v2/x", "/v1/../health/live/x", "/v1/items/%2e%2e%2fetc", "/v1/similar/"):
        assert client.get(path).status_code in (404, 405)
    assert client.get(ASK).status_code == 405
    assert (
        client.get("/v1/items", params={"count": "many"}).json()["error"]["field"] == "query.count"
    )


def test_events_count_by_what_they_say() -> None:
    def event(kind: str, item: str, value: float | None = None) -> Event:
        return Event(item, "u", item, kind, value, 5, None)

    found = met([event("view", "a"), event("click", "b"), event("dislike", "c"),
                 event("rate", "d", 5.0), event("rate", "e", 2.5), event("like", "f")])  # fmt: skip
    assert found.items == ["a", "d", "f"]
    assert found.refused == ["c", "e"]
    assert set(KINDS) == set(Happened.model_json_schema()["properties"]["kind"]["enum"])

"""What the server leans on may vanish at any moment: answers go on, and say what is missing."""

import time
from typing import Any

ASK = "/v1/recommendations"


def ask(client: Any, user: int, **more: Any) -> Any:
    answer = client.post(ASK, json={"user": str(user), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(answer: Any) -> str:
    return " ".join(one["words"] for one in answer["degraded"])


def until_quiet(client: Any) -> None:
    """The first answer with nothing missing."""
    deadline = time.monotonic() + 15
    while said(ask(client, 5, count=7)):
        assert time.monotonic() < deadline, "it did not come back"
        time.sleep(0.05)


def test_redis_is_killed_and_comes_back(start: Any, redis_server: Any) -> None:
    with start(f"cache.redis_url={redis_server.url}", f"limits.redis_url={redis_server.url}",
               "limits.per_second=10000", "limits.burst=10000") as client:  # fmt: skip
        until_quiet(client)
        expected = [ask(client, user)["items"] for user in range(1, 20)]
        redis_server.kill()
        for user in range(1, 20):
            answer = ask(client, user)
            assert answer["items"] == expected[user - 1]
            assert "slower, not wrong" in said(answer)
        assert client.get("/health/ready").status_code == 200
        event = {"id": "1", "user": "3", "item": expected[2][0]["item"], "kind": "like"}
        assert client.post("/v1/feedback", json={"events": [event]}).status_code == 202
        shown = [one["item"] for one in ask(client, 3)["items"]]
        assert event["item"] not in shown
        redis_server.start()
        until_quiet(client)
        assert [one["item"] for one in ask(client, 3)["items"]] == shown


def test_postgres_is_gone_and_comes_back(start: Any, postgres: Any, tmp_path: Any) -> None:
    with start(f"feedback.url={postgres.url}", f"feedback.spool={tmp_path}/spool") as client:
        first = ask(client, 4)["items"]
        postgres.stop()
        event = {"id": "1", "user": "4", "item": first[0]["item"], "kind": "rate", "value": 5}
        taken = client.post("/v1/feedback", json={"events": [event]})
        assert taken.status_code == 202
        assert "stored here" in " ".join(taken.json()["degraded"])
        answer = ask(client, 4)
        assert event["item"] not in [one["item"] for one in answer["items"]]
        assert said(answer)
        assert ask(client, 4)["cached"] is None  # what was made without the database is not kept
        postgres.start()
        until_quiet(client)
        deadline = time.monotonic() + 15
        while not postgres.execute("select * from feedback_events", postgres.database):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        again = client.post("/v1/feedback", json={"events": [event]}).json()
        assert (again["stored"], again["known_before"]) == (0, 1)

"""Keys, versions that come and go, trials, health, and what is counted."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from reccore.bundle.bundle import Bundle
from reccore.bundle.registry import Registry
from reccore.errors import UserError
from reccore.serve.keys import KeyRing
from reccore.serve.refusal import Refusal
from reccore.serve.rollout import Limits, read
from reccore.serve.rollout import start as start_trial

ASK = "/v1/recommendations"
Start = Callable[..., Any]


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def version(client: TestClient, user: str = "3") -> str:
    answer = client.post(ASK, json={"user": user, "count": 3})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model_version"])


def test_health(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["model_version"]) == (200, "1.1")


def test_draining_is_said_before_it_ends(client: TestClient) -> None:
    edge: Any = client.app
    edge.draining = True
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "draining")
    assert version(client) == "1.1"
    edge.draining = False


def test_activation_and_rollback_answer_at_once(client: TestClient, models: Path) -> None:
    assert version(client) == "1.1"
    done = client.post("/v1/admin/activate", json={"version": "2"}).json()
    assert done["answers"] == "2.1"
    assert version(client) == "2.1"
    assert client.post("/v1/admin/rollback", json={}).json()["answers"] == "1.1"
    assert version(client) == "1.1"
    refused = client.post("/v1/admin/rollback", json={})
    assert refused.status_code == 422
    assert "no previous" in refused.json()["error"]["message"]


def test_what_the_command_line_activates_is_followed(client: TestClient, models: Path) -> None:
    Registry("cinesync", models).activate("films", "2")
    until(lambda: version(client) == "2.1")


def test_a_version_that_does_not_load_leaves_the_champion(client: TestClient, models: Path) -> None:
    (models / "films" / "2" / "popularity.npy").write_bytes(b"broken")
    assert client.post("/v1/admin/activate", json={"version": "2"}).status_code == 422
    (models / "films" / "aliases.json").write_text('{"champion": "2"}')
    until(lambda: "problem" in client.get("/health/ready").json())
    assert version(client) == "1.1"


def test_a_new_generation_is_followed(client: TestClient, models: Path) -> None:
    from reccore.bundle.indexing import remove

    client.post("/v1/admin/activate", json={"version": "2"})
    bundle = Bundle.open(models / "films" / "2")
    gone = [one["item"] for one in client.post(ASK, json={"user": "3"}).json()["items"]][:1]
    remove(bundle, gone)
    until(lambda: version(client) == "2.2")


def test_keys_open_what_their_scopes_say(start: Start, tmp_path: Path) -> None:
    ring = KeyRing.load(tmp_path / "keys.toml")
    keys = {scope: ring.create(scope, scope)[1] for scope in ("read", "write", "admin")}
    event = {"events": [{"id": "1", "user": "3", "item": "1", "kind": "like"}]}
    with start(f"keys={tmp_path}/keys.toml") as client:

        def status(scope: str, method: str, path: str, body: Any = None) -> int:
            headers = {"Authorization": f"Bearer {keys[scope]}"} if scope in keys else {}
            return int(client.request(method, path, json=body, headers=headers).status_code)

        assert client.get("/health/ready").status_code == 200
        assert client.get("/metrics").status_code == 200
        assert status("none", "POST", ASK, {"user": "3"}) == 401
        assert status("read", "POST", ASK, {"user": "3"}) == 200
        assert status("read", "POST", "/v1/feedback", event) == 403
        assert status("write", "POST", "/v1/feedback", event) == 202
        assert status("write", "DELETE", "/v1/users/3") == 403
        assert status("write", "GET", "/v1/admin/status") == 403
        assert status("admin", "GET", "/v1/admin/status") == 200
        assert status("admin", "DELETE", "/v1/users/3") == 200
        assert status("read", "GET", "/v1//admin/status") in (403, 404)


def test_a_file_of_keys_that_is_not_there_is_an_error(start: Start, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"), start(f"keys={tmp_path}/kyes.toml"):
        pass


def test_too_many_are_told_so(start: Start) -> None:
    with start("limits.per_second=1", "limits.burst=3") as client:
        found = [client.post(ASK, json={"user": "3"}) for _ in range(5)]
        assert [one.status_code for one in found] == [200, 200, 200, 429, 429]
        assert int(found[-1].headers["retry-after"]) >= 1
        assert client.get("/health/ready").status_code == 200


def test_when_nobody_more_can_wait_all_else_goes_on(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start() as client:
        monkeypatch.setattr(
            client.app, "_full", lambda: Refusal(429, "busy", "full", retry_after=1)
        )
        answer = client.post(ASK, content=b"not even read", headers={"content-type": "text/plain"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "busy")
        assert answer.headers["retry-after"] == "1"
        assert client.post("/v1/sessions", json={"items": ["1"]}).status_code == 429
        assert client.get("/v1/items").status_code == 200
        assert client.get("/health/ready").status_code == 200
        event = {"id": "1", "user": "3", "item": "1", "kind": "like"}
        assert client.post("/v1/feedback", json={"events": [event]}).status_code == 202


def test_a_trial_answers_its_share_and_stays(client: TestClient, models: Path) -> None:
    body = {"version": "2", "share": 0.5}
    assert client.post("/v1/admin/rollout", json=body).status_code == 200
    users = [str(user) for user in range(1, 101)]
    arms = [client.post(ASK, json={"user": user, "count": 1}).json()["arm"] for user in users]
    assert 30 < arms.count("challenger") < 70
    again = [client.post(ASK, json={"user": user, "count": 2}).json()["arm"] for user in users]
    assert arms == again
    client.patch("/v1/admin/rollout", json={"share": 0.8})
    more = [client.post(ASK, json={"user": user, "count": 3}).json()["arm"] for user in users]
    assert all(after == "challenger" for was, after in zip(arms, more, strict=True)
               if was == "challenger")  # fmt: skip
    assert client.post("/v1/admin/rollout/promote", json={}).json()["answers"] == "2.1"
    assert {version(client, user) for user in users[:20]} == {"2.1"}


def test_shadows_are_unseen_and_compared(client: TestClient) -> None:
    client.post("/v1/admin/rollout", json={"version": "2", "shadow": 1.0})
    for user in range(1, 30):
        assert version(client, str(user)) == "1.1"
    found = client.get("/v1/admin/status").json()["agreement"]
    assert found["count"] > 10
    assert 0 <= found["overlap"] <= 1


def test_a_challenger_that_fails_is_withdrawn_by_itself(
    client: TestClient, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its failures cost nobody an answer, and its trial ends with the figures."""
    registry = Registry("cinesync", models)
    start_trial(registry, "films", "2", share=1.0, limits=Limits(least=20))
    until(lambda: client.get("/v1/admin/status").json()["challenger"] == "2.1")
    usual = Bundle.answer

    def broken(self: Bundle, request: Any) -> Any:
        if self.manifest["model"] == "item-knn":
            raise RuntimeError("damaged")
        return usual(self, request)

    monkeypatch.setattr(Bundle, "answer", broken)
    for user in range(1, 60):
        answer = client.post(ASK, json={"user": str(user)}).json()
        assert answer["model_version"] == "1.1"
    until(lambda: read(registry, "films").stopped is not None)
    assert "failed" in str(read(registry, "films").stopped)


def test_metrics_say_what_happened(client: TestClient) -> None:
    version(client)
    version(client)
    client.post(ASK, json={"user": "nobody"})
    client.post(ASK, json={"preferences": {"genres": ["Comedy"]}})
    text = client.get("/metrics").text
    assert 'giftrec_cache_hits_total{level="memory"} 1.0' in text
    assert 'giftrec_fallbacks_total{reason="preferences"} 1.0' in text
    assert 'giftrec_model_info{arm="champion",generation="1",name="films",version="1"} 1.0' in text
    assert 'route="/v1/recommendations",status="2xx"} 3.0' in text
    assert 'giftrec_refusals_total{code="unknown_user"} 1.0' in text


def test_the_openapi_document_describes_bodies_and_refusals(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    ask = paths[ASK]["post"]
    assert "Recommend" in str(ask["requestBody"])
    assert {"200", "401", "422", "429"} <= set(ask["responses"])
    assert "metrics" not in str(list(paths))

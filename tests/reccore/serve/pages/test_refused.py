"""What the edge refuses before a page is reached: who reads pages reads it on one."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from reccore.serve.edge import Edge
from reccore.serve.pages import Pages
from reccore.serve.refusal import Refusal
from reccore.serve.scopes import Rule, Rules

BUSY = Refusal(429, "busy", "more is asked than can be answered now", retry_after=2)


async def never(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("the edge let it in")


@pytest.fixture
def client() -> TestClient:
    rules = Rules([Rule("/", None, page=True, waits=True), Rule("/v1", None, waits=True)])
    edge = Edge(never, rules=rules, full=lambda: BUSY, page=Pages("S").said)
    return TestClient(edge)


def test_a_page_address_is_refused_with_a_page(client: TestClient) -> None:
    answer = client.get("/search")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<h1" in answer.text
    assert "More is asked than can be answered now." in answer.text
    assert answer.headers.get_list("cache-control") == ["no-store"]


@pytest.mark.parametrize(("path", "headers"), [("/v1/items", {}), ("/search", {"X-Part": "main"})])
def test_programs_and_the_script_of_a_page_read_json(
    client: TestClient, path: str, headers: dict[str, str]
) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "busy"

"""What docs/gift-api.md prints is answered, and what it lists is there."""

import json
import re
from pathlib import Path

from served_gifts import Served

from giftrec.api.settings import GiftSettings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "gift-api.md"


def test_every_request_of_the_page_is_answered(served: Served) -> None:
    text = PAGE.read_text(encoding="utf-8")
    calls = re.findall(r"curl -s http://127\.0\.0\.1:8000(\S+) .*?-d '(.*?)'\n```", text, re.DOTALL)
    assert len(calls) == 4
    id = ""
    for path, body in calls:
        answer = served.client.post(path.replace("$ID", id), json=json.loads(body))
        assert answer.status_code in (200, 202), answer.text
        id = answer.json().get("recommendation_id") or id


def test_every_route_that_only_looks_is_there(served: Served) -> None:
    document = served.client.get("/openapi.json").json()["paths"]
    listed = re.findall(r"GET (/v1/[^\s`?]*)", PAGE.read_text(encoding="utf-8"))
    assert {path.replace("{id}", "{id}") for path in listed} <= set(document)


def test_the_metrics_of_the_page_are_there(served: Served) -> None:
    served.ask(text="a gift for my sister, 30 euros")
    told = served.client.get("/metrics").text
    for name in re.findall(r"`(giftrec_\w+)", PAGE.read_text(encoding="utf-8")):
        assert f"# TYPE {name} " in told, name


def test_the_defaults_of_the_page_are_those_of_the_settings() -> None:
    text = PAGE.read_text(encoding="utf-8")
    how = GiftSettings()
    assert f"| {how.work.patience_ms:g}, {how.work.standing_ms:g} |" in text
    assert f"| `{how.kept.url}` |" in text
    assert f"| {how.kept.retention_days} |" in text
    assert f"| {how.agent.deadline_s} |" in text
    assert f"({how.body_kb})" in text

"""An answer on its way: what a product made, what the cache holds, what the caller gets."""

import json
import os
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

CLEAN = b'"degraded":[]}'


@dataclass(frozen=True)
class Facts:
    """What differs from one answer to the next, though the cache gave both."""

    took_ms: float
    cached: str | None
    version: str
    arm: str


@dataclass(frozen=True)
class Answered:
    """What was made (or kept), and what is to be said of it this time."""

    body: bytes
    facts: Facts
    degraded: tuple[str, ...] = ()

    def complete(self) -> bytes:
        return complete(self.body, self.facts, self.degraded)


def complete(body: bytes, facts: Facts, degraded: tuple[str, ...] = ()) -> bytes:
    """The caller's answer: the facts first, then what was made."""
    if degraded:
        body = _with(body, degraded)
    cached = "null" if facts.cached is None else f'"{facts.cached}"'
    head = (
        f'{{"recommendation_id":"{os.urandom(9).hex()}","took_ms":{facts.took_ms:.3f},'
        f'"cached":{cached},"model_version":"{facts.version}","arm":"{facts.arm}",'
    )
    return head.encode() + body[1:]


def codes(body: bytes) -> list[str]:
    """Why an answer is not as asked; most are."""
    if body.endswith(CLEAN):
        return []
    return [one["code"] for one in json.loads(body)["degraded"]]


def shown(body: bytes) -> list[str]:
    """The items of an answer, best first."""
    return [one["item"] for one in json.loads(body)["items"]]


def _with(body: bytes, degraded: tuple[str, ...]) -> bytes:
    content: dict[str, Any] = json.loads(body)
    content["degraded"] += [{"code": "server", "words": words} for words in degraded]
    return to_json(content)

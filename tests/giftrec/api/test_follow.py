"""Another catalogue goes live while requests come: none fails, and none mixes two catalogues."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import polars as pl
from served_gifts import TODAY, Start

from giftrec.catalog.default import demonstration
from giftrec.catalog.live import LIVE

RECIPIENT = {
    "relationship": "friend",
    "occasion": "birthday",
    "hobbies": ["gardening"],
    "budget": "70EUR",
}


def _other(mark: str) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """The same shop with other ids: which catalogue a gift is of can be seen."""
    tables, facts = demonstration(TODAY)
    named = {
        name: table.with_columns((pl.col(key) + mark).alias(key))
        for name, table in tables.items()
        for key in ("id" if name == "gifts" else "gift",)
    }
    return named, {key: value for key, value in facts.items() if key != "demonstration"}


def _until(what: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_swapped_under_load(start: Start) -> None:
    with start("ahead=0") as served:
        old, stop = served.desk.fingerprint, threading.Event()
        found: list[tuple[int, dict[str, Any]]] = []

        def ask(worker: int) -> None:
            n = 0
            while not stop.is_set():
                n += 1
                body = {"recipient": {**RECIPIENT, "age": 20 + n % 60}, "explain": n % 2 == 0}
                answer = served.client.post("/v1/recommendations", json=body)
                found.append((answer.status_code, answer.json()))

        with ThreadPoolExecutor(3) as pool:
            for worker in range(3):
                pool.submit(ask, worker)
            try:
                for mark in ("-second", "-third"):
                    before = served.desk.fingerprint
                    served.catalogue.publish(*_other(mark))
                    _until(lambda b=before: served.desk.fingerprint != b)
                    seen = len(found)
                    _until(lambda n=seen: len(found) > n + 10)
            finally:
                stop.set()

        assert {status for status, _ in found} == {200}
        seen_of: dict[str, set[str]] = {}
        for _, body in found:
            gifts = [p["gift"] for p in body["picks"]] + [a["gift"] for a in body["alternatives"]]
            marks = {m for g in gifts for m in (_mark(g),)}
            assert len(marks) == 1, body
            seen_of.setdefault(body["catalogue"], set()).update(marks)
        assert seen_of.pop(old) == {""}
        assert all(len(marks) == 1 for marks in seen_of.values())
        assert {m for marks in seen_of.values() for m in marks} == {"-second", "-third"}


def _mark(gift: str) -> str:
    return next((mark for mark in ("-second", "-third") if gift.endswith(mark)), "")


def test_old_tools_end_when_nobody_uses_them(start: Start) -> None:
    with start() as served:
        served.ask(recipient={**RECIPIENT, "age": 40})
        counted = sum(served.server.champion.bundle.counts.values())
        workers = list(served.desk.runner._workers.values())
        assert sum(one.threads for one in workers) > 0
        served.catalogue.publish(*_other("-next"))
        old = served.desk.fingerprint
        _until(lambda: served.desk.fingerprint != old)
        _until(lambda: all(one._closed for one in workers))
        assert sum(served.server.champion.bundle.counts.values()) >= counted  # nothing falls


def test_cached_answers_are_of_the_catalogue_that_answers(start: Start) -> None:
    with start() as served:
        body: dict[str, Any] = {"recipient": {**RECIPIENT, "age": 40}}
        served.ask(**body)
        assert served.ask(**body)["cached"] == "memory"
        old = served.desk.fingerprint
        served.catalogue.publish(*_other("-next"))
        _until(lambda: served.desk.fingerprint != old)
        new = served.ask(**body)
        assert new["cached"] is None
        assert all(pick["gift"].endswith("-next") for pick in new["picks"])
        served.catalogue.rollback()
        _until(lambda: served.desk.fingerprint == old)
        back = served.ask(**body)
        assert (back["cached"], back["catalogue"]) == ("memory", old)


def test_a_broken_snapshot_leaves_the_old_one_answering(start: Start) -> None:
    with start() as served:
        old = served.desk.fingerprint
        path = served.catalogue.folder / "000009-broken.duckdb"
        path.write_bytes(b"no database")
        (served.catalogue.folder / LIVE).write_text('{"live": "000009-broken.duckdb"}')
        _until(lambda: "problem" in served.client.get("/health/ready").json())
        ready = served.client.get("/health/ready")
        assert ready.status_code == 200
        assert "is still used" in ready.json()["problem"]
        assert "is still used" in served.client.get("/v1/admin/status").json()["problem"]
        assert "giftrec_catalogue_followed 0.0" in served.client.get("/metrics").text
        answer = served.ask(recipient={**RECIPIENT, "age": 40})
        assert answer["catalogue"] == old
        served.catalogue.rollback(to="1")
        _until(lambda: "problem" not in served.client.get("/health/ready").json())


def test_the_demonstration_is_of_today_every_day(start: Start) -> None:
    with start() as served:
        served.day.now = TODAY + timedelta(days=3)
        _until(lambda: served.desk.snapshot.as_of == "2026-11-24")
        answer = served.ask(recipient={**RECIPIENT, "age": 40})
        assert answer["as_of"] == "2026-11-24"
        assert answer["degraded"] == []


def test_a_gift_that_is_gone_can_still_be_changed(start: Start) -> None:
    """What was shown by another catalogue is no error: it just cannot come back."""
    with start() as served:
        made = served.ask(recipient={**RECIPIENT, "age": 40})
        old = served.desk.fingerprint
        served.catalogue.publish(*_other("-next"))
        _until(lambda: served.desk.fingerprint != old)
        path = f"/v1/recommendations/{made['recommendation_id']}/next"
        gift = made["picks"][0]["gift"]
        assert served.client.post(path, json={"swap": gift}).status_code == 200
        assert served.refused(path, {"more_like": gift})["code"] == "unknown_gift"

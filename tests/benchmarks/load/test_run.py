"""Runs against servers that answer, stall, lie, hang up and vanish: nothing is lost or invented."""

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import Plan, Result, Samples, quantiles, request, run
from reccore.errors import UserError


def answer(body: bytes = b"{}", status: int = 200, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def asked(server: Any, seconds: float = 0.5, **how: Any) -> Result:
    requests = how.pop("requests", [request(server.url, b'{"n": 1}')])
    found = run(Plan(server.url, requests, seconds, **how))
    assert found.sent == found.answered + found.failed
    assert found.answered == len(found.samples) == sum(found.statuses.values())
    return found


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300))
def test_quantiles_are_of_the_sorted_list(latencies: list[float]) -> None:
    found, ordered = quantiles(np.array(latencies)), sorted(latencies)
    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        rank = max(1, int(np.ceil(share * len(ordered) - 1e-9)))
        assert found[name] == pytest.approx(1000 * ordered[rank - 1])


def test_samples_of_a_status_and_a_stretch() -> None:
    samples = Samples()
    assert len(samples.of()) == 0
    for moment, latency, status in ((0.0, 0.1, 200), (1.0, 0.2, 429), (2.0, 0.3, 200)):
        samples.add(moment, latency, status)
    assert samples.of(200).tolist() == [0.1, 0.3]
    assert samples.of(since=1.0, until=2.0).tolist() == [0.2]
    assert samples.of(429, since=1.5).tolist() == []


def test_closed_loop_keeps_its_connections_busy(server: Any) -> None:
    found = asked(server, connections=4)
    assert found.statuses == {200: found.answered}
    assert found.answered > 100
    assert server.most == server.accepted == found.connections == found.opened == 4
    assert found.offered is None
    assert found.lateness["p99"] >= found.lateness["p50"]


def test_open_loop_keeps_its_schedule(server: Any) -> None:
    found = asked(server, 1.0, connections=8, rate=200)
    assert found.sent == 200
    assert np.allclose(np.array(found.samples.moments), np.arange(200) / 200, atol=1e-6)
    assert found.rate == pytest.approx(200, rel=0.1)


def test_poisson_arrivals_repeat_by_seed() -> None:
    def due(seed: int) -> list[float]:
        plan = Plan("http://127.0.0.1:1/", [b""], 20, rate=100, poisson=True, seed=seed)
        return plan.due().tolist()

    first = due(0)
    assert first == due(0) != due(1)
    assert len(first) == pytest.approx(2000, abs=200)
    gaps = np.diff(first)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.15)  # as exponential gaps have it
    assert first == sorted(first)
    assert first[0] > 0
    assert first[-1] < 20


def test_a_stall_is_counted_from_when_requests_were_due(server: Any) -> None:
    """A client that waits politely meets one slow answer; people meet a hundred."""
    stalled = False

    def once(_: bytes, transport: asyncio.Transport) -> None:
        nonlocal stalled
        if not stalled:
            stalled = True
            time.sleep(0.5)  # the whole server
        transport.write(answer())

    server.said = once
    found = asked(server, 1.0, connections=1, rate=200)
    slow = found.samples.of() > 0.1
    assert 60 <= slow.sum() <= 150
    assert found.waited >= 60
    first = found.samples.of(until=0.5)
    assert np.corrcoef(np.arange(len(first)), first)[0, 1] < -0.9
    assert not found.generator_bound


def test_more_connections_open_when_none_is_idle_up_to_a_limit(server: Any) -> None:
    def slowly(_: bytes, transport: asyncio.Transport) -> None:
        server.loop.call_later(0.1, transport.write, answer())

    server.said = slowly
    found = asked(server, 1.0, connections=5, rate=100)  # 10 would be needed
    assert server.most == found.connections == 5
    assert found.answered == found.sent == 100
    assert found.latency["max"] > 500  # the queue in front of the connections counts


def test_latencies_by_status(server: Any) -> None:
    def turns(data: bytes, transport: asyncio.Transport) -> None:
        if len(server.asked) % 2:
            transport.write(answer(b"no", 429))
        else:
            server.loop.call_later(0.05, transport.write, answer())

    server.said = turns
    found = asked(server, connections=8, rate=100)
    assert found.statuses == {200: 25, 429: 25}
    assert found.latency_of(200)["p50"] > 50 > found.latency_of(429)["p50"]
    assert set(found.to_json()["ms_by_status"]) == {"200", "429"}


def test_nobody_listens(server: Any) -> None:
    server.vanish()
    for rate in (100, None):
        found = asked(server, 0.3, connections=4, rate=rate)
        assert found.answered == 0
        assert found.errors == {"refused": found.sent}
        assert found.sent == 30 or rate is None
        assert found.latency == {}
        assert found.generator_bound  # nothing was measured


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (lambda transport: transport.close(), "closed"),
        (lambda transport: transport.abort(), None),
        (lambda transport: transport.write(b"nonsense\r\n\r\n"), "malformed"),
        (lambda transport: transport.write(b"HTTP/1.1 200 OK\r\n"), "timeout"),
        (lambda transport: transport.write(answer(b"ab") + b"cd"), "malformed"),
    ],
)
def test_what_is_no_answer_is_an_error(server: Any, said: Any, why: str | None) -> None:
    server.said = lambda _, transport: said(transport)
    found = asked(server, 0.3, connections=4, rate=20, timeout=0.3)
    assert found.sent == 6
    assert found.failed == 6
    assert why is None or found.errors == {why: 6}


def test_a_late_answer_is_not_taken_for_the_next(server: Any) -> None:
    """The first is answered after its time; the second must get its own."""

    def late(data: bytes, transport: asyncio.Transport) -> None:
        wait = 0.4 if len(server.asked) == 1 else 0.0
        body = data.partition(b"\r\n\r\n")[2]
        server.loop.call_later(wait, transport.write, answer(body))

    server.said = late
    bodies: list[bytes] = []
    requests = [request(server.url, b"%d" % number) for number in range(20)]
    found = asked(
        server,
        1.0,
        connections=1,
        rate=20,
        timeout=0.2,
        requests=iter(requests),
        on_answer=lambda _, body: bodies.append(body),
    )
    assert found.errors["timeout"] >= 1
    assert b"0" not in bodies
    assert bodies == sorted(bodies, key=int)


@pytest.mark.parametrize("rate", [100, None])
def test_the_server_may_close_after_each_answer(server: Any, rate: float | None) -> None:
    def close(_: bytes, transport: asyncio.Transport) -> None:
        transport.write(answer(b"{}", 200, "Connection: close"))
        transport.close()

    server.said = close
    found = asked(server, 0.3, connections=4, rate=rate)
    assert found.failed == 0
    assert server.accepted >= found.answered > 20


def test_a_body_that_ends_with_the_connection(server: Any) -> None:
    def until_closed(_: bytes, transport: asyncio.Transport) -> None:
        transport.write(b"HTTP/1.1 200 OK\r\n\r\nwhole")
        transport.close()

    server.said = until_closed
    bodies = set()
    found = asked(server, 0.3, rate=50, on_answer=lambda _, body: bodies.add(body))
    assert found.failed == 0
    assert bodies == {b"whole"}


def test_a_server_that_vanishes_and_returns(server: Any) -> None:
    async def vanish() -> None:
        await asyncio.to_thread(server.vanish)

    async def listen() -> None:
        await asyncio.to_thread(server.listen)

    found = asked(server, 1.2, connections=4, rate=100, at=[(0.4, vanish), (0.8, listen)])
    assert [acted.name for acted in found.acted] == ["vanish", "listen"]
    assert found.errors["refused"] >= 20
    assert len(found.samples.of(until=0.295)) == 30
    assert len(found.samples.of(since=0.995)) == 20


def test_each_request_of_an_iterator_is_sent_once_and_ends_the_run(server: Any) -> None:
    for rate in (500, None):
        server.asked.clear()
        requests = [request(server.url, b"%d" % number) for number in range(50)]
        found = asked(server, 5.0, connections=4, rate=rate, requests=iter(requests))
        assert found.sent == 50
        assert found.seconds < 2
        assert sorted(server.asked) == sorted(requests)


def test_a_sequence_is_gone_through_again(server: Any) -> None:
    requests = [request(server.url, b"%d" % number) for number in range(3)]
    asked(server, 0.1, connections=1, rate=70, requests=requests)
    assert server.asked == [*requests, *requests, requests[0]]


def test_no_more_than_the_most(server: Any) -> None:
    assert asked(server, 5.0, connections=4, most=100).sent == pytest.approx(100, abs=4)


def test_what_answers_say_is_handed_on(server: Any) -> None:
    seen = []
    found = asked(server, 0.2, rate=50, on_answer=lambda status, body: seen.append((status, body)))
    assert seen == [(200, b"{}")] * found.answered


def test_a_check_that_fails_ends_the_run(server: Any) -> None:
    def check(status: int, body: bytes) -> None:
        raise ValueError("two versions in one answer")

    with pytest.raises(ValueError, match="two versions"):
        asked(server, 5.0, rate=50, on_answer=check)


def test_actions_happen_when_they_should_and_their_failure_is_told(server: Any) -> None:
    async def swap() -> None:
        await asyncio.sleep(0.1)

    async def broken() -> None:
        raise ValueError("no such version")

    found = asked(server, 0.5, rate=50, at=[(0.2, swap), (0.3, broken)])
    told = {acted.name: acted for acted in found.acted}
    assert told["swap"].at == pytest.approx(0.2, abs=0.1)
    assert told["swap"].took > 0.05
    assert told["swap"].error is None
    assert told["broken"].error == "ValueError: no such version"


def test_a_generator_that_is_late_says_so(server: Any) -> None:
    heard = iter(range(1000))

    def once(status: int, body: bytes) -> None:
        if next(heard) == 30:
            time.sleep(0.2)  # the generator, not the server

    found = asked(server, 1.0, rate=100, on_answer=once)
    assert found.lateness["p99"] > 100
    assert found.generator_bound
    assert found.to_json()["generator"]["bound"]


def test_what_the_server_used(server: Any) -> None:
    found = asked(server, 0.3, connections=2, pids=[os.getpid()])
    (use,) = found.servers
    assert use.cpu_seconds > 0
    assert use.rss_most >= use.rss_before > 2**20
    assert not use.ended
    assert found.generator_cpu_seconds > 0
    assert found.to_json()["servers"][0]["rss_mib"]["most"] > 1


@pytest.mark.parametrize(
    "how",
    [
        {"seconds": 0},
        {"seconds": 601},
        {"connections": 0},
        {"connections": 5000},
        {"rate": 0},
        {"rate": -1},
        {"rate": 1e9},
        {"url": "http://10.0.0.1/"},
    ],
)
def test_plans_are_bounded(how: dict[str, Any]) -> None:
    plan: dict[str, Any] = {"url": "http://127.0.0.1:1/", "requests": [b""], "seconds": 1} | how
    with pytest.raises(UserError):
        Plan(**plan)


def _endless(server: Any) -> Iterator[bytes]:
    while True:
        yield request(server.url)


def test_an_endless_iterator_is_stopped_by_the_clock(server: Any) -> None:
    found = asked(server, 0.2, connections=2, requests=_endless(server))
    assert 0.1 < found.seconds < 1

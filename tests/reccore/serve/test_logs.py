"""Logs: one form, nothing lost, nobody waited for, nobody named."""

import io
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.serve.log_writer import LineWriter
from reccore.serve.logs import AccessLog, Clock, Logs, install, scrubbed


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logs(stream: io.StringIO) -> Iterator[Logs]:
    made = install("info", "json", stream)
    yield made
    made.close()


def told(logs: Logs, stream: io.StringIO) -> list[dict[str, Any]]:
    logs.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_a_json_line_with_what_was_given(logs: Logs, stream: io.StringIO) -> None:
    logging.getLogger("reccore.x").warning(
        'two\nlines "%s"', "é", extra={"request_id": "r1", "odd": {1, 2}}
    )
    logging.getLogger("reccore.x").debug("below the level")
    (line,) = told(logs, stream)
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "warning",
        "msg": 'two\nlines "é"',
        "logger": "reccore.x",
        "request_id": "r1",
        "odd": "{1, 2}",
    }


def test_an_exception_is_named_with_where_it_passed(logs: Logs, stream: io.StringIO) -> None:
    try:
        json.loads("{")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (line,) = told(logs, stream)
    assert line["error"].startswith("JSONDecodeError: Expecting")
    assert any("test_logs.py" in at for at in line["trace"])


def test_scrubbed_leaves_the_words_out() -> None:
    secret = "u-secret"
    try:
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise ValueError(f"no {secret}") from error
    except ValueError as error:
        found = scrubbed(error)
    assert (found["error"], found["cause"]) == ("ValueError", "KeyError")
    assert secret not in json.dumps(found)
    assert any("test_scrubbed" in at for at in found["trace"])


def test_uvicorn_goes_the_same_way_and_its_access_lines_nowhere(
    logs: Logs, stream: io.StringIO
) -> None:
    logging.getLogger("uvicorn.error").info("Started %s", "well")
    logging.getLogger("uvicorn.access").info('1.2.3.4 - "GET /v1/users/u7" 200')
    assert [line["msg"] for line in told(logs, stream)] == ["Started well"]


def test_closing_puts_things_back() -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    logs = install("debug", "json", io.StringIO())
    assert root.handlers == [logs.handler]
    logs.close()
    logs.close()
    assert (root.handlers, root.level) == before


def test_text_on_a_terminal_cannot_be_forged() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    logs = install("info", "auto", stream)
    logging.getLogger("x").warning("one\ntwo\x1b[31m", extra={"a": "b\rc"})
    assert logs.access is not None
    logs.access.line("r1", "GET", "/v1/x", 200, 1.25, "web")
    logs.close()
    first, second = stream.getvalue().splitlines()
    assert first.endswith("warning one\\ntwo\\x1b[31m a=b\\rc")
    assert second.endswith("info    GET /v1/x 200 1.2 ms key=web id=r1")


def test_no_access_lines_below_their_level() -> None:
    logs = install("warning", "json", io.StringIO())
    assert logs.access is None
    logs.close()


@given(
    route=st.text(max_size=30),
    status=st.integers(100, 599),
    took=st.floats(0, 1e6),
    address=st.one_of(st.none(), st.text(max_size=20)),
)
def test_every_access_line_is_json(
    route: str, status: int, took: float, address: str | None
) -> None:
    stream = io.StringIO()
    writer = LineWriter(stream, every=60)
    AccessLog(writer, True).line("r1", "GET", route, status, took, "web", address)
    writer.close()
    line = json.loads(stream.getvalue())
    assert (line["route"], line["status"], line["key"]) == (route, status, "web")
    assert line.get("address") == address
    assert line["took_ms"] == pytest.approx(took, abs=0.001)


@given(now=st.floats(0, 4e9))
def test_the_stamp_is_the_time(now: float) -> None:
    clock = Clock()
    found = [clock.stamp(now), clock.stamp(now + 0.5), clock.stamp(now)]
    assert found[0] == found[2]
    second, _, rest = found[0].partition(".")
    assert second == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(now)))
    assert rest == f"{int((now - int(now)) * 1000):03d}Z"


# The writer


class Stuck(io.StringIO):
    """A stream whose reader has stopped reading."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = threading.Event()

    def write(self, text: str) -> int:
        self.reads.wait(10)
        return super().write(text)


def test_nothing_is_lost_and_order_kept() -> None:
    stream = io.StringIO()
    writer = LineWriter(stream, every=0.001)

    def put(name: str) -> None:
        for n in range(500):
            writer.put(f"{name} {n}")

    threads = [threading.Thread(target=put, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2000
    for name in "abcd":
        mine = [line for line in lines if line.startswith(name)]
        assert mine == [f"{name} {n}" for n in range(500)]


def test_lines_come_out_by_themselves_and_urgent_ones_at_once() -> None:
    stream = io.StringIO()
    writer = LineWriter(stream, every=0.05)
    writer.put("soon")
    deadline = time.monotonic() + 5
    while not stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert stream.getvalue() == "soon\n"
    writer.close()
    stream = io.StringIO()
    writer = LineWriter(stream, every=60)
    writer.put("now", urgent=True)
    while not stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert stream.getvalue() == "now\n"
    writer.close()


def test_a_stuck_reader_costs_lines_not_time_and_is_told() -> None:
    stream = Stuck()
    writer = LineWriter(stream, limit=100, every=0.001)
    writer.put("first")
    time.sleep(0.05)  # the thread is stuck in it now
    began = time.perf_counter()
    for n in range(1000):
        writer.put(str(n))
    assert time.perf_counter() - began < 0.5
    assert writer.dropped == 900
    stream.reads.set()
    writer.close()
    lines = stream.getvalue().splitlines()
    assert lines == ["first", *map(str, range(100)), "900 log lines dropped"]


def test_a_reader_that_is_gone_is_no_error() -> None:
    class Gone(io.StringIO):
        back = False

        def write(self, text: str) -> int:
            if not self.back:
                raise BrokenPipeError
            return super().write(text)

    stream = Gone()
    writer = LineWriter(stream, every=60)
    writer.put("a")
    writer.close()
    writer.put("b")
    assert writer.dropped == 2
    stream.back = True
    writer.put("c")
    assert stream.getvalue() == "c\n2 log lines dropped\n"


def test_lines_after_the_end_are_still_written() -> None:
    stream = io.StringIO()
    writer = LineWriter(stream)
    writer.close()
    writer.put("late")
    assert stream.getvalue() == "late\n"


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise ValueError('boom')"])
def test_a_process_that_ends_has_written_all(end: str) -> None:
    code = f"""
import logging, sys
from reccore.serve.logs import install
install("info", "json")
for n in range(2000):
    logging.getLogger("x").info("line", extra={{"n": n}})
{end}
"""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    found = [json.loads(x)["n"] for x in done.stderr.splitlines() if x.startswith("{")]
    assert found == list(range(2000))

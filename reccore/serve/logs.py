"""What the server says of itself: JSON lines on stderr, or plain text on a terminal.

Every logger of the process goes through one handler, uvicorn's too (give uvicorn
`log_config=None, access_log=False`; its own access lines hold addresses and raw paths). A record's
`extra` becomes fields. The line of a request is built by hand (`AccessLog`), because a LogRecord
costs more than the rest of the edge together.
"""

import json
import logging
import sys
import time
import traceback
from types import TracebackType
from typing import Any, Literal, TextIO

from reccore.serve.log_writer import LineWriter

Form = Literal["auto", "json", "text"]
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class Clock:
    """The time as text, in UTC; the part down to the second is made once a second."""

    def __init__(self) -> None:
        self._second, self._text = -1, ""

    def stamp(self, now: float) -> str:
        second = int(now)
        if second != self._second:
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        return f"{self._text}.{int((now - second) * 1000):03d}Z"


def frames(trace: TracebackType | None) -> list[str]:
    """Where an exception passed, innermost last; no values of variables."""
    return [f"{at.filename}:{at.lineno} {at.name}" for at in traceback.extract_tb(trace)]


def scrubbed(error: BaseException) -> dict[str, Any]:
    """An exception without its words, which may quote a request: its type, and where it passed."""
    told: dict[str, Any] = {"error": type(error).__name__, "trace": frames(error.__traceback__)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["cause"] = type(cause).__name__
        told["cause_trace"] = frames(cause.__traceback__)
    return told


class _Handler(logging.Handler):
    def __init__(self, writer: LineWriter, as_json: bool) -> None:
        super().__init__()
        self._writer, self._as_json, self._clock = writer, as_json, Clock()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            given = {name: value for name, value in vars(record).items() if name not in _OWN}
            if record.exc_info and record.exc_info[1] is not None:
                error = record.exc_info[1]
                given |= {"error": f"{type(error).__name__}: {error}"}
                given |= {"trace": frames(error.__traceback__)}
            line = (_json if self._as_json else _text)(
                self._clock.stamp(record.created),
                record.levelname.lower(),
                record.getMessage(),
                {"logger": record.name, **given},
            )
            self._writer.put(line, urgent=record.levelno >= logging.ERROR)
        except Exception:
            self.handleError(record)


def _json(stamp: str, level: str, message: str, given: dict[str, object]) -> str:
    line = {"ts": stamp, "level": level, "msg": message, **given}
    return json.dumps(line, ensure_ascii=False, default=str)


def _text(stamp: str, level: str, message: str, given: dict[str, object]) -> str:
    trace = given.pop("trace", None)
    given.pop("logger", None)
    facts = "".join(f" {name}={value}" for name, value in given.items())
    lines = [f"{stamp[11:23]} {level:<7} {_plain(message + facts)}"]
    lines += [f"    {_plain(str(at))}" for at in trace] if isinstance(trace, list) else []
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Without what could forge a line or steer a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class AccessLog:
    """One line a request. Its words are plain by construction; templates are quoted once."""

    def __init__(self, writer: LineWriter, as_json: bool) -> None:
        self._put, self._as_json, self._clock = writer.put, as_json, Clock()
        self._quoted: dict[str, str] = {}

    def line(
        self,
        request_id: str,
        method: str,
        route: str,
        status: int,
        took_ms: float,
        key: str | None,
        address: str | None = None,
    ) -> None:
        stamp = self._clock.stamp(time.time())
        if self._as_json:
            quoted = self._quoted.get(route)
            if quoted is None:
                quoted = self._quoted[route] = json.dumps(route, ensure_ascii=False)
            more = f',"key":"{key}"' if key else ""
            if address is not None:
                more += f',"address":{json.dumps(address)}'
            self._put(
                f'{{"ts":"{stamp}","level":"info","msg":"request","request_id":"{request_id}",'
                f'"method":"{method}","route":{quoted},"status":{status},"took_ms":{took_ms:.3f}'
                f"{more}}}"
            )
        else:
            more = (f" key={key}" if key else "") + (f" from={address}" if address else "")
            self._put(
                f"{stamp[11:23]} info    {method} {route} {status} {took_ms:.1f} ms{more}"
                f" id={request_id}"
            )


class Logs:
    """Logging as `install` left it; `close` writes what waits and puts things back."""

    def __init__(self, level: str, as_json: bool, stream: TextIO) -> None:
        form = _json if as_json else _text
        self.writer = LineWriter(
            stream,
            lambda n: form(
                Clock().stamp(time.time()), "warning", "log lines dropped", {"dropped": n}
            ),
        )
        root = logging.getLogger()
        self._before = (root.handlers[:], root.level)
        self.handler = _Handler(self.writer, as_json)
        root.handlers = [self.handler]
        root.setLevel(level.upper())
        for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
            theirs = logging.getLogger(name)
            theirs.handlers, theirs.propagate = [], True
        access = logging.getLogger("uvicorn.access")
        access.handlers, access.propagate = [], False
        talks = root.isEnabledFor(logging.INFO)
        self.access = AccessLog(self.writer, as_json) if talks else None

    def close(self) -> None:
        root = logging.getLogger()
        if self.handler in root.handlers:
            root.handlers, level = self._before
            root.setLevel(level)
        self.writer.close()


def install(level: str = "info", form: Form = "auto", stream: TextIO | None = None) -> Logs:
    """Route every logger through one handler; `auto` is text on a terminal, else JSON."""
    stream = stream or sys.stderr
    as_json = form == "json" or (form == "auto" and not stream.isatty())
    return Logs(level, as_json, stream)

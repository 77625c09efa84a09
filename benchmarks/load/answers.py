"""HTTP/1.1 answers out of a stream of bytes, as cheaply as Python allows.

The generator shares its cores with the server it measures, so of an answer it reads the status and
where the body ends, nothing else. An answer that came whole, with a length, is one look.
"""

from typing import NamedTuple

HEAD_BYTES = 64 * 1024
BODY_BYTES = 64 * 1024 * 1024
_END = b"\r\n\r\n"


class MalformedError(Exception):
    """Not HTTP/1.1 as a server may speak it; says what was wrong."""


class Answer(NamedTuple):
    status: int
    body: bytes
    closes: bool  # the server will not answer on this connection again


class Reader:
    """One answer at a time: what does not belong to the one asked for is malformed."""

    __slots__ = ("_at", "_body", "_closes", "_held", "_kind", "_need", "_status")

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._held = b""  # bytes not yet understood, or the body so far
        self._kind = ""  # "", then how the body ends: "length", "chunks", "close"
        self._need = 0
        self._at = 0
        self._status, self._closes = 0, False
        self._body = bytearray()

    def feed(self, data: bytes) -> Answer | None:
        """The answer, once its last byte is there."""
        while True:
            if not self._kind:
                data = self._held + data if self._held else data
                end = data.find(_END)
                if end < 0 or end > HEAD_BYTES:
                    self._keep(data)
                    return None
                kind = self._read_head(data[:end].lower())
                self._held, data = b"", data[end + 4 :]
                if kind == "length" and len(data) == self._need:
                    return Answer(self._status, data, self._closes)
                self._kind = kind
                if not kind and not data:
                    return None
                continue  # behind an interim answer comes the real one
            return self._take(data)

    def end(self) -> Answer | None:
        """The server closed: a body without a length ends here, any other is cut off."""
        return self._finish(bytes(self._body)) if self._kind == "close" else None

    def _keep(self, data: bytes) -> None:
        """The beginning of a head, as far as it is one."""
        if len(data) > HEAD_BYTES:
            raise MalformedError(f"{HEAD_BYTES} bytes without an end of the headers")
        start = b"HTTP/1."
        if not data.startswith(start[: len(data)]):
            raise MalformedError(f"an answer that begins with {data[:12]!r}")
        self._held = data

    def _read_head(self, head: bytes) -> str:
        """Status and how the body ends; "" for an interim answer (1xx), which has none."""
        status = head[9:12]
        if not head.startswith((b"http/1.1 ", b"http/1.0 ")) or not status.isdigit():
            raise MalformedError(f"an answer that begins with {head[:12]!r}")
        self._status = int(status)
        if 100 <= self._status < 200:
            return ""
        self._closes = b"\r\nconnection: close" in head or (
            head.startswith(b"http/1.0 ") and b"\r\nconnection: keep-alive" not in head
        )
        if self._status in (204, 304):
            self._need = 0
            return "length"
        chunked = _value(head, b"\r\ntransfer-encoding:")
        if chunked is not None:
            if chunked != b"chunked":
                raise MalformedError(f"a body in the encoding {chunked!r}")
            return "chunks"
        length = _value(head, b"\r\ncontent-length:")
        if length is None:
            self._closes = True
            return "close"
        if not length.isdigit() or int(length) > BODY_BYTES:
            raise MalformedError(f"a body of length {length[:20]!r}")
        self._need = int(length)
        return "length"

    def _take(self, data: bytes) -> Answer | None:
        body = self._body
        body += data
        if len(body) > BODY_BYTES:
            raise MalformedError(f"a body of more than {BODY_BYTES} bytes")
        if self._kind == "length":
            if len(body) < self._need:
                return None
            if len(body) > self._need:
                raise MalformedError("bytes behind the answer")
            return self._finish(bytes(body))
        return self._chunks() if self._kind == "chunks" else None

    def _chunks(self) -> Answer | None:
        """Walk from chunk to chunk; `_at` is the first one that is not there whole."""
        body = self._body
        while True:
            line = body.find(b"\r\n", self._at)
            if line < 0:
                if len(body) - self._at > 1024:
                    raise MalformedError("a chunk without a size")
                return None
            digits = bytes(body[self._at : line]).partition(b";")[0].strip()
            try:
                size = int(digits, 16)
            except ValueError:
                raise MalformedError(f"a chunk of size {digits[:20]!r}") from None
            if size < 0 or size > BODY_BYTES:
                raise MalformedError(f"a chunk of size {digits[:20]!r}")
            if size == 0:
                return self._last_chunk(line)
            stop = line + 2 + size
            if len(body) < stop + 2:
                return None
            if body[stop : stop + 2] != b"\r\n":
                raise MalformedError("a chunk longer than its size")
            del body[stop : stop + 2], body[self._at : line + 2]
            self._at += size

    def _last_chunk(self, line: int) -> Answer | None:
        """Behind the empty chunk: trailers, which nobody reads, and an empty line."""
        body = self._body
        end = body.find(_END, line)
        if end < 0:
            if len(body) - line > HEAD_BYTES:
                raise MalformedError("trailers without an end")
            return None
        if end + 4 != len(body):
            raise MalformedError("bytes behind the answer")
        return self._finish(bytes(body[: self._at]))

    def _finish(self, body: bytes) -> Answer:
        answer = Answer(self._status, body, self._closes)
        self._forget()
        return answer


def _value(head: bytes, name: bytes) -> bytes | None:
    at = head.find(name)
    if at < 0:
        return None
    stop = head.find(b"\r\n", at + 2)
    return head[at + len(name) : stop if stop >= 0 else len(head)].strip()

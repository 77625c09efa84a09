"""What the edge wants of a request's headers, read in one pass."""

from collections.abc import Iterable

from reccore.serve.refusal import Refusal

MOST_HEADERS, MOST_BYTES = 100, 64 * 1024
LONGEST_KEY = 256
_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_READ = frozenset(
    {
        b"authorization",
        b"x-api-key",
        b"x-request-id",
        b"content-length",
        b"transfer-encoding",
        b"expect",
        b"sec-fetch-site",
        b"x-part",
    }
)


class Asked:
    """`fault`: what is wrong with the headers, to be answered once the request has its id."""

    __slots__ = ("chunked", "cross_site", "expects", "fault", "key", "length", "part", "request_id")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:  # noqa: PLR0912
        self.request_id: str | None = None
        self.key: bytes | None = None
        self.length: int | None = None
        self.chunked = self.expects = self.cross_site = self.part = False
        self.fault: Refusal | None = None
        count = size = keys = 0
        lengths: list[bytes] | None = None
        for name, value in headers:
            count += 1
            size += len(value)
            if name not in _READ:
                continue
            if name == b"content-length":
                lengths = [value] if lengths is None else [*lengths, value]
            elif name == b"x-request-id":
                if 0 < len(value) <= 64 and not value.translate(None, _PLAIN):
                    self.request_id = value.decode()
            elif name == b"x-api-key":
                keys += 1
                self.key = value.strip()
            elif name == b"authorization":
                scheme, _, rest = value.strip().partition(b" ")
                if scheme.lower() == b"bearer":  # a proxy's Basic is no business of ours
                    keys += 1
                    self.key = rest.strip()
            elif name == b"transfer-encoding":
                self.chunked = True
            elif name == b"expect":
                self.expects = True
            elif name == b"x-part":  # a page's script asks: it shows words, and keeps the page
                self.part = True
            else:
                self.cross_site = value == b"cross-site"
        if count > MOST_HEADERS or size > MOST_BYTES:
            self.fault = Refusal(
                431, "headers_too_large", f"more than {MOST_HEADERS} headers or {MOST_BYTES} bytes"
            )
        elif keys > 1:
            self.fault = Refusal(
                400,
                "several_keys",
                "more than one API key",
                field="Authorization",
                remedy="send one, as Authorization: Bearer KEY or as X-Api-Key",
            )
        elif lengths is not None:
            self._measure(lengths)

    def _measure(self, lengths: list[bytes]) -> None:
        text = lengths[0].strip(b" \t")
        if len(set(lengths)) > 1 or self.chunked or not text.isdigit():
            self.fault = Refusal(
                400,
                "bad_content_length",
                "Content-Length is not one whole number",
                field="Content-Length",
            )
        else:  # a number of absurd length is merely too large, and int() need not see it
            self.length = int(text) if len(text) <= 18 else 10**18

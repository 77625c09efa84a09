"""Answers survive any way the network cuts them, and what is no answer is said to be none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.answers import HEAD_BYTES, Answer, MalformedError, Reader

bodies = st.binary(max_size=200)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Answer]:
    """Bytes of one answer, and what must be read from them."""
    body = draw(bodies)
    status = draw(st.sampled_from([200, 404, 429, 503]))
    closes = draw(st.booleans())
    head = b"HTTP/1.1 %d Words\r\nserver: a\r\n" % status
    head += b"Connection: close\r\n" if closes else b""
    if draw(st.booleans()):
        said = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        return said, Answer(status, body, closes)
    said = head + b"TRANSFER-ENCODING: chunked\r\n\r\n"
    left = body
    while left:
        size = draw(st.integers(1, len(left)))
        said += b"%x%s\r\n" % (size, draw(st.sampled_from([b"", b";a=b"]))) + left[:size] + b"\r\n"
        left = left[size:]
    said += b"0\r\n" + draw(st.sampled_from([b"", b"trailer: x\r\n"])) + b"\r\n"
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    return interim + said, Answer(status, body, closes)


@given(st.lists(answers(), min_size=1, max_size=4), st.data())
def test_any_cut_reads_the_same(several: list[tuple[bytes, Answer]], data: st.DataObject) -> None:
    reader = Reader()
    for said, expected in several:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=6)))
        pieces = [said[a:b] for a, b in zip([0, *cuts], [*cuts, len(said)], strict=True)]
        found = [answer for piece in pieces if piece if (answer := reader.feed(piece))]
        assert found == [expected]


def test_byte_by_byte() -> None:
    reader, said = (
        Reader(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    found = [reader.feed(said[at : at + 1]) for at in range(len(said))]
    assert found[:-1] == [None] * (len(said) - 1)
    assert found[-1] == Answer(200, b"abc", False)


def test_a_body_may_end_with_the_connection() -> None:
    reader = Reader()
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nab") is None
    assert reader.feed(b"c") is None
    assert reader.end() == Answer(200, b"abc", True)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc"]
)
def test_cut_off_is_no_answer(said: bytes) -> None:
    reader = Reader()
    assert not said or reader.feed(said) is None
    assert reader.end() is None


def test_no_content_has_no_body() -> None:
    assert Reader().feed(b"HTTP/1.1 204 No Content\r\n\r\n") == Answer(204, b"", False)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\na: " + b"x" * HEAD_BYTES,
    ],
)
def test_malformed(said: bytes) -> None:
    with pytest.raises(MalformedError):
        Reader().feed(said)

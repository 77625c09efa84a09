"""Requests are whole, stay on this machine, and are drawn as Zipf says."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.load.requests import Target, request, target, zipf
from reccore.errors import UserError


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://127.0.0.1:8000/v1/items?k=1", Target("127.0.0.1", 8000, "/v1/items?k=1")),
        ("http://localhost", Target("127.0.0.1", 80, "/")),
        ("http://127.8.0.1:9/", Target("127.8.0.1", 9, "/")),
        ("http://[::1]:9/", Target("::1", 9, "/")),
    ],
)
def test_this_machine(url: str, found: Target) -> None:
    assert target(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://10.0.0.1:8000/",
        "http://0.0.0.0:8000/",
        "http://localhost.example.com/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "https://127.0.0.1/",
        "http://me@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "127.0.0.1:8000",
        "",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(UserError):
        target(url)


def test_a_request_is_whole() -> None:
    said = request("http://127.0.0.1:8000/v1/x", b"{}", {"Authorization": "Bearer k"})
    head, _, body = said.partition(b"\r\n\r\n")
    assert body == b"{}"
    assert head.split(b"\r\n") == [
        b"POST /v1/x HTTP/1.1",
        b"Host: 127.0.0.1:8000",
        b"Authorization: Bearer k",
        b"Content-Type: application/json",
        b"Content-Length: 2",
    ]


def test_a_get_has_no_body() -> None:
    assert request("http://127.0.0.1:1/") == b"GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"


def test_headers_cannot_be_smuggled() -> None:
    with pytest.raises(UserError, match="line break"):
        request("http://127.0.0.1:1/", None, {"A": "b\r\nC: d"})


def test_zipf_shares() -> None:
    draws = zipf(200_000, 50, 1.0, 3)
    counts = np.array([n for _, n in Counter(draws.tolist()).most_common()])
    share = 1 / np.arange(1, 51)
    expected = 200_000 * share / share.sum()
    assert np.abs(counts / expected - 1).max() < 0.05


def test_zipf_repeats_by_seed_and_stays_in_range() -> None:
    draws = zipf(50_000, 10_000, 0.9, 1)
    assert draws.min() >= 0
    assert draws.max() < 10_000
    assert (draws == zipf(50_000, 10_000, 0.9, 1)).all()
    assert (draws != zipf(50_000, 10_000, 0.9, 2)).mean() > 0.9
    assert set(zipf(5_000, 20, 0.0, 1).tolist()) == set(range(20))


def test_zipf_of_nobody() -> None:
    with pytest.raises(UserError):
        zipf(10, 0, 1.0, 0)

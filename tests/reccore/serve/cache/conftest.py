"""Clocks that stand still, and keys."""

from collections.abc import Callable

import pytest

from reccore.serve.cache.key import Key


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key() -> Callable[..., Key]:
    def make(user: str = "ann", request: bytes = b"{}", **changes: object) -> Key:
        fields: dict[str, object] = {
            "product": "cinesync",
            "name": "sasrec",
            "version": "7",
            "generation": 3,
            "experiment": "",
        }
        return Key(user=user, request=request, **(fields | changes))  # type: ignore[arg-type]

    return make

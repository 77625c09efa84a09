"""The recommendations made lately, so that "another one" needs no more than their id.

In memory only, bounded and soon forgotten: what was said of a person is nowhere written down.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from giftrec.agent.wish import Wish


@dataclass(frozen=True)
class Given:
    """One recommendation: what was asked, and the gifts that were shown, also before it."""

    wish: Wish
    shown: tuple[str, ...]


class Recent:
    """At most `most` of them, each for `keep_s` seconds. For one event loop."""

    def __init__(
        self,
        most: int = 1000,
        keep_s: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._keep_s, self._clock = most, keep_s, clock
        self._kept: OrderedDict[str, tuple[float, Given]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, given: Given) -> str:
        """Its id, which nobody can guess."""
        self._forget()
        name = secrets.token_urlsafe(12)
        self._kept[name] = (self._clock() + self._keep_s, given)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> Given | None:
        """None: there was none, or it is forgotten."""
        self._forget()
        found = self._kept.get(name)
        return None if found is None else found[1]

    def _forget(self) -> None:
        now = self._clock()
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._kept.popitem(last=False)  # all are kept equally long: the oldest ends first

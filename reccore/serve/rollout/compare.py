"""What the challenger would have shown: how much of the champion's list a shadow list holds."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Over `count` requests: the mean overlap@k, and the share whose first item is the same."""

    count: int
    overlap: float | None
    same_first: float | None


class Compare:
    """Sums over the requests that both answered; three numbers, whatever the traffic."""

    def __init__(self, k: int = 10) -> None:
        assert k >= 1
        self.k = k
        self._count, self._overlap, self._first = 0, 0.0, 0

    def note(self, champion: Sequence[Hashable], challenger: Sequence[Hashable]) -> None:
        """Two lists for one request, best first. The longer one's length (at most k) is the whole:
        a challenger that answers with fewer items does not agree more for it."""
        ours, theirs = champion[: self.k], challenger[: self.k]
        whole = max(len(ours), len(theirs))
        self._count += 1
        self._overlap += len(set(ours) & set(theirs)) / whole if whole else 1.0
        self._first += tuple(ours[:1]) == tuple(theirs[:1])

    @property
    def agreement(self) -> Agreement:
        if not self._count:
            return Agreement(0, None, None)
        return Agreement(self._count, self._overlap / self._count, self._first / self._count)

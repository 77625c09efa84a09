"""The set of gifts of most value within a budget, at most one a category: exactly, in integers.

Within a category only gifts that no cheaper or equal one matches in value can be in a best set, so
the rest is pruned (this holds because nothing but the category ties gifts together). Then dynamic
programming over categories keeps, for each size of set, the costs and values that no other set of
that size beats in both (Nemhauser & Ullmann 1969). All amounts are integers, so equal is equal.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giftrec.tools.tables import Numbers


@dataclass(frozen=True)
class Item:
    """A gift that may be bought: cost in minor units, value in millionths."""

    cost: int
    value: int
    category: int


@dataclass(frozen=True)
class Best:
    """Items chosen (their numbers), what they cost and what they are worth."""

    items: tuple[int, ...]
    cost: int
    value: int


class Fronts:
    """All best sets of up to `most` items that cost no more than `limit`.

    The fronts of all sizes lie in one array, smallest size first; in it, cost and value grow
    together within a size. A set is a chain of nodes: its last item and the node before.
    """

    def __init__(self, items: Sequence[Item], most: int, limit: int) -> None:
        if any(item.cost < 0 or item.value < 0 for item in items):
            raise ValueError("an item costs, or is worth, less than nothing")
        self._step = 1 + sum(item.value for item in items)  # lifts one size above the other
        if (most + 2) * self._step + sum(item.cost for item in items) + abs(limit) >= 2**62:
            raise OverflowError("amounts beyond 2**62")
        one = np.zeros(1, dtype=np.int64)
        self.size = self.cost = self.value = self.node = one  # the empty set
        self._chain: list[tuple[Numbers, Numbers]] = []  # blocks of (item, node before)
        self._blocks: list[int] = []  # the first node of each block
        self._nodes = 1
        if limit < 0:
            self.size = self.cost = self.value = self.node = one[:0]
        for category in _pruned(items):
            self._add(category, items, most, limit)
        self._ends = np.searchsorted(self.size, np.arange(most + 2))

    def _add(self, category: list[int], items: Sequence[Item], most: int, limit: int) -> None:
        """Let every set on the fronts take one item of this category, or none."""
        own = np.array([(items[i].cost, items[i].value) for i in category], dtype=np.int64)
        cost = (self.cost[None] + own[:, :1]).ravel()
        size = np.tile(self.size + 1, len(category))
        fits = np.flatnonzero((cost <= limit) & (size <= most))
        which, place = np.divmod(fits, max(len(self.cost), 1))
        size = np.concatenate([self.size, size[fits]])
        cost = np.concatenate([self.cost, cost[fits]])
        value = np.concatenate([self.value, self.value[place] + own[which, 1]])
        order = np.lexsort((-value, cost, size))
        lifted = (value + size * self._step)[order]
        keep = np.ones(len(order), dtype=np.bool_)
        keep[1:] = lifted[1:] > np.maximum.accumulate(lifted)[:-1]
        kept = order[keep]
        new = kept >= len(self.cost)
        taken = kept[new] - len(self.cost)
        node = np.empty(len(kept), dtype=np.int64)
        node[~new] = self.node[kept[~new]]
        node[new] = self._nodes + np.arange(len(taken))
        chosen = np.array(category, dtype=np.int64)[which[taken]]
        self._chain.append((chosen, self.node[place[taken]]))
        self._blocks.append(self._nodes)
        self._nodes += len(taken)
        self.size, self.cost, self.value, self.node = size[kept], cost[kept], value[kept], node

    def best(self, fewest: int, most: int, budget: int) -> Best | None:
        """The set of most value within the budget; of those the cheapest, then the smallest."""
        places = [
            int(np.searchsorted(self.cost[start:end], budget, side="right")) + start - 1
            for start, end in self._spans(fewest, most)
            if end > start and self.cost[start] <= budget
        ]
        if not places:
            return None
        return self._set(max(places, key=lambda p: (self.value[p], -self.cost[p], -self.size[p])))

    def next_better(self, fewest: int, most: int, budget: int, than: int) -> Best | None:
        """The cheapest set beyond the budget that is worth more than `than`."""
        places = []
        for start, end in self._spans(fewest, most):
            dearer = int(np.searchsorted(self.cost[start:end], budget, side="right"))
            better = int(np.searchsorted(self.value[start:end], than, side="right"))
            if max(dearer, better) < end - start:
                places.append(start + max(dearer, better))
        if not places:
            return None
        return self._set(min(places, key=lambda p: (self.cost[p], -self.value[p], self.size[p])))

    def _spans(self, fewest: int, most: int) -> list[tuple[int, int]]:
        """Where the fronts of these sizes lie."""
        ends = self._ends.tolist()
        return [(ends[n], ends[n + 1]) for n in range(fewest, min(most, len(ends) - 2) + 1)]

    def _set(self, place: int) -> Best:
        node, chosen = int(self.node[place]), []
        while node:
            block = bisect_right(self._blocks, node) - 1
            items, before = self._chain[block]
            at = node - self._blocks[block]
            chosen.append(int(items[at]))
            node = int(before[at])
        return Best(tuple(sorted(chosen)), int(self.cost[place]), int(self.value[place]))


def _pruned(items: Sequence[Item]) -> list[list[int]]:
    """Of each category the items that no other one of it matches at no more cost."""
    by_category: dict[int, list[int]] = {}
    for number in sorted(range(len(items)), key=lambda i: (items[i].cost, -items[i].value, i)):
        kept = by_category.setdefault(items[number].category, [])
        if not kept or items[number].value > items[kept[-1]].value:
            kept.append(number)
    return list(by_category.values())


def cheapest(items: Sequence[Item], size: int) -> Best | None:
    """The cheapest set of this many items, one a category; None where there are not so many."""
    first: dict[int, int] = {}
    for number in sorted(range(len(items)), key=lambda i: (items[i].cost, -items[i].value, i)):
        first.setdefault(items[number].category, number)
    chosen = list(first.values())[:size]  # already in the order of cost
    if len(chosen) < size:
        return None
    return Best(
        tuple(sorted(chosen)),
        sum(items[i].cost for i in chosen),
        sum(items[i].value for i in chosen),
    )

"""What became of each event of a write: decided once, for every kind of store."""

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from reccore.serve.feedback.event import Added, Arrival, Content, Key, unavailable


class Outcome(enum.Enum):
    STORED = "stored"
    KNOWN = "known"
    CONFLICT = "conflict"
    REFUSED = "refused"


class Written(NamedTuple):
    """One outcome for each arrival, in order."""

    outcomes: list[Outcome]
    degraded: tuple[str, ...] = ()


def first_of_each(arrivals: Sequence[Arrival]) -> dict[Key, Arrival]:
    """An id may come twice in one write: the first is the one to store."""
    first: dict[Key, Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.event.key, arrival)
    return first


def judge(
    arrivals: Sequence[Arrival], fresh: Collection[Key], before: Mapping[Key, Content]
) -> list[Outcome]:
    """`fresh`: keys this write stored; `before`: what was there under the others."""
    outcomes: list[Outcome] = []
    first = first_of_each(arrivals)
    for arrival in arrivals:
        key, content = arrival.event.key, arrival.event.content
        if key in fresh and first[key] is arrival:
            outcomes.append(Outcome.STORED)
        elif key in fresh:
            same = first[key].event.content == content
            outcomes.append(Outcome.KNOWN if same else Outcome.CONFLICT)
        else:  # absent: deleted since by another replica, so nobody disagrees
            same = before.get(key, content) == content
            outcomes.append(Outcome.KNOWN if same else Outcome.CONFLICT)
    return outcomes


def added(arrivals: Sequence[Arrival], written: Written) -> Added:
    """The answer to one caller; a batch that did not wholly fit is refused, to be sent again."""
    counts = dict.fromkeys(Outcome, 0)
    conflicts: dict[str, None] = {}
    for arrival, outcome in zip(arrivals, written.outcomes, strict=True):
        counts[outcome] += 1
        if outcome is Outcome.CONFLICT:
            conflicts[arrival.event.id] = None
    if counts[Outcome.REFUSED]:
        raise unavailable("feedback cannot be stored at the moment")
    return Added(counts[Outcome.STORED], counts[Outcome.KNOWN], tuple(conflicts), written.degraded)

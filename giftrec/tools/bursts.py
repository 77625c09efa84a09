"""Reviews that may not be honest: too many at once, too much alike, too often the same hand.

A burst is a week with more reviews than a Poisson process would have by chance, given how the
reviews of the whole catalogue spread over the year (everybody is reviewed more after Christmas),
corrected for the number of weeks looked at. Texts are alike where most of their runs of three words
are the same (Broder 1997). Such reviews are named, not deleted: whoever reads them decides.
"""

import math
from collections.abc import Sequence

import numpy as np

from giftrec.tools.tables import Numbers

WEEK = 7
FEWEST = 4  # reviews in a burst
CHANCE = 0.001  # of a burst by chance
PSEUDO = 50.0  # reviews spread evenly that are added to the catalogue's calendar
ALIKE = 0.7  # Jaccard similarity of the runs of three words
FEW = 40  # texts that are compared each with each
USUAL = 50  # texts that share a run, from which it tells nothing
SHORT = 8  # words: shorter texts are alike by chance
BACKGROUND_SHARE = 0.2  # a gift with more of the catalogue's reviews is its own calendar


def bursts(days: Sequence[int], calendar: Numbers | None) -> tuple[int, ...]:
    """Places in `days` (sorted) of the reviews in bursts."""
    count = len(days)
    if count < FEWEST:
        return ()
    first, span = days[0], days[-1] - days[0] + 1
    if span < 3 * WEEK:  # no time before or after to compare with
        return ()
    marked: set[int] = set()
    start = 0
    windows = span / WEEK
    for end in range(count):
        while days[end] - days[start] >= WEEK:
            start += 1
        within = end - start + 1
        if within < FEWEST:
            continue
        share = _share(days[start], first, span, calendar, count)
        outside = count - within
        expected = (outside + 1) * share / max(1 - share, 1e-9)
        if windows * poisson_tail(within, expected) < CHANCE:
            marked.update(range(start, end + 1))
    return tuple(sorted(marked))


def _share(start: int, first: int, span: int, calendar: Numbers | None, own: int) -> float:
    """Share of a gift's reviews that the week from `start` would have by the catalogue."""
    even = min(WEEK / span, 0.99)
    if calendar is None:
        return even
    low, high = np.searchsorted(calendar, (first, first + span))
    total = float(high - low)
    if own > BACKGROUND_SHARE * total:
        return even
    in_week = np.searchsorted(calendar, start + WEEK) - np.searchsorted(calendar, start)
    return min((float(in_week) + PSEUDO * even) / (total + PSEUDO), 0.99)


def poisson_tail(least: int, expected: float) -> float:
    """Chance of `least` or more events where `expected` are."""
    if least <= 0:
        return 1.0
    if expected <= 0:
        return 0.0
    if least <= expected:  # summed from below there, where nothing cancels
        below = sum(
            math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(least)
        )
        return max(0.0, 1.0 - below)
    term = math.exp(least * math.log(expected) - expected - math.lgamma(least + 1))
    total, k = 0.0, least
    while term > total * 1e-16:
        total += term
        k += 1
        term *= expected / k
    return min(1.0, total)


def near_duplicates(texts: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Places of texts (as words) that are nearly those of an earlier one.

    Few texts are compared each with each. Of many, only those that share a run which few others
    have: what everybody writes ("for my son") makes nobody suspicious.
    """
    sets = [frozenset(zip(text, text[1:], text[2:], strict=False)) for text in texts]
    many = len(texts) > FEW
    originals: list[int] = []
    seen: dict[tuple[str, ...], list[int]] = {}
    alike: list[int] = []
    for n, runs in enumerate(sets):
        if len(texts[n]) < SHORT:
            continue
        others = _sharing(runs, seen) if many else originals
        if any(_alike(runs, sets[other]) for other in others):
            alike.append(n)
            continue  # its original stands for it
        originals.append(n)
        if many:
            for run in runs:
                seen.setdefault(run, []).append(n)
    return tuple(alike)


def _sharing(runs: frozenset[tuple[str, ...]], seen: dict[tuple[str, ...], list[int]]) -> set[int]:
    having = (seen.get(run, ()) for run in runs)
    return {other for some in having if len(some) < USUAL for other in some}


def _alike(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> bool:
    """Whether the share of runs that both have is ALIKE or more."""
    small, large = sorted((len(one), len(other)))
    if small < ALIKE * large:
        return False
    shared = len(one & other)
    return shared >= ALIKE * (small + large - shared)


def same_hand(reviewers: Sequence[str | None]) -> tuple[int, ...]:
    """Places of reviews by somebody who has reviewed this gift before."""
    seen: set[str] = set()
    again = []
    for n, reviewer in enumerate(reviewers):
        if reviewer is not None and reviewer in seen:
            again.append(n)
        elif reviewer is not None:
            seen.add(reviewer)
    return tuple(again)

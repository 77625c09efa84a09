"""Why a gift is shown: only signals whose removal would lower its expected satisfaction.

For each signal the same question is asked again without it, all at once: without a hobby, without a
preference, for another occasion or relationship (the mean over the others), without what a tool
told. What a gift loses is the weight of the reason. A reason is given only if its words are true of
the gift, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from giftrec.agent.reply import Reason, Signal
from giftrec.agent.storefront import Storefront
from giftrec.agent.telling import Shown
from giftrec.columns import Columns, Floats, Numbers
from giftrec.inputs import LEAD, PRICE, QUALITY, TREND, Facts
from giftrec.money import Money
from giftrec.predictions import Predictor
from giftrec.schema import Profile
from giftrec.vocabulary import Vocabulary

LEAST = 0.004  # expected satisfaction that must hang on a signal
MOST = 4  # reasons of a gift
PERSONAL = ("hobby", "wish", "preference", "occasion", "relationship")


@dataclass(frozen=True)
class Without:
    """What each gift would lose [K] without one signal."""

    signal: Signal
    what: str  # the hobby, the preference, ...; "" where there is only one
    loss: Floats


def removals(
    profile: Profile, facts: Facts, gifts: Numbers, predictor: Predictor, front: Storefront
) -> list[Without]:
    """All signals of one recipient about K gifts (places in the predictor's shelf), in one go."""
    asked = _signals(profile, facts, front.vocabulary)
    count = 1 + sum(len(codes) for _, _, _, codes in asked)
    who = Columns.of([profile], front.vocabulary).take(np.zeros(count, dtype=np.int64))
    known = np.repeat(facts.known, count, axis=0)
    told = np.repeat(facts.told[:, :, gifts], count, axis=1)
    at, spans = 1, []
    for _, _, column, codes in asked:
        span = slice(at, at + len(codes))
        if column in ("hobbies", "preferences"):
            getattr(who, column)[at, codes[0]] = 0.0
        elif column == "known":
            known[at, codes[0]] = told[codes[0], at] = 0.0
        else:
            getattr(who, column)[span] = codes
        spans.append(span)
        at = span.stop
    expected = predictor.over(gifts).rewards(who, Facts(told, known)).expected
    return [
        Without(signal, what, expected[0] - expected[span].mean(axis=0))
        for (signal, what, _, _), span in zip(asked, spans, strict=True)
    ]


def _signals(
    profile: Profile, facts: Facts, words: Vocabulary
) -> list[tuple[Signal, str, str, list[int]]]:
    """Signal, word, column, codes: of a set the one to take away, else those to put instead."""
    found: list[tuple[Signal, str, str, list[int]]] = []
    hobbies, preferences = words.levels("hobby"), words.levels("preference")
    found += [("hobby", one, "hobbies", [hobbies.index(one)]) for one in profile.hobbies]
    found += [
        ("preference", one, "preferences", [preferences.index(one)]) for one in profile.preferences
    ]
    signals: tuple[Literal["occasion", "relationship"], ...] = ("occasion", "relationship")
    for signal in signals:
        own: str = getattr(profile, signal)
        others = [code for code, level in enumerate(words.levels(signal)) if level != own]
        found.append((signal, own, signal, others))
    told: tuple[tuple[Signal, int], ...] = (
        ("price", PRICE),
        ("reviews", QUALITY),
        ("delivery", LEAD),
        ("trend", TREND),
    )
    return found + [(s, "", "known", [tool]) for s, tool in told if facts.known[0, tool] > 0]


def reasons_of(
    place: int, shown: Shown, lost: list[Without], words: Mapping[str, float], budget: Money
) -> tuple[Reason, ...]:
    """Of the gift at `place` in what was asked of `removals`; `words`: what each free word adds.

    What is about the recipient comes first; that it is in stock is true of all that is shown.
    """
    found = [
        Reason(signal="wish", words=f"close to “{text}”", weight=round(weight, 4))
        for text, weight in words.items()
        if weight >= LEAST
    ]
    for without in lost:
        weight = float(without.loss[place])
        said = shown.say(without.signal, without.what)
        if weight >= LEAST and said:
            found.append(Reason(signal=without.signal, words=said, weight=round(weight, 4)))
    found.sort(key=lambda reason: (reason.signal not in PERSONAL, -reason.weight))
    if not found:
        within = f"{shown.checked.cost.total} of a budget of {budget}"
        found = [Reason(signal="budget", words=within, weight=0.0)]
    return tuple(found[:MOST])

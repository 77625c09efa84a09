"""From a request to what a model reads: who asks, what may be answered, what is not as asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from reccore.bundle.answer import Request
from reccore.data.ids import ExternalId
from reccore.data.interactions import UNKNOWN, Histories
from reccore.data.temporal import asked_at, given_times
from reccore.errors import UserError
from reccore.recommender import UserBatch

if TYPE_CHECKING:
    from reccore.bundle.bundle import Bundle

LIKED = 5  # popular items of a preferred word that stand for a history
Flags = npt.NDArray[np.bool_]


class Said(NamedTuple):
    """What was not as asked: a code to count by, and words."""

    code: str
    words: str


def check(request: Request) -> None:
    """Refuse what nobody can answer."""
    if request.k < 1:
        raise UserError(f"k is {request.k}", "ask for at least 1 item")
    asked = [request.user, request.history, request.preferences]
    if sum(given is not None for given in asked) != 1:
        raise UserError("give exactly one of user, history, preferences")
    if request.times is not None and request.history is None:
        raise UserError("times are of a history, and none is given", "give history, too")
    if request.since and request.user is None:
        raise UserError("since is what a user met lately, and none is given", "give user, too")
    for name in ("diversity", "least"):
        share = getattr(request, name)
        if share is not None and not 0 <= share <= 1:
            raise UserError(f"{name} is {share}", "choose between 0 and 1")


def who(bundle: "Bundle", request: Request, said: list[Said]) -> tuple[UserBatch, bool]:
    """The user as the model sees one, and whether it can say anything of this one."""
    if request.user is not None:
        known = bundle.known([request.user], request.now)
        if not request.since:
            return known, True
        met = _met(bundle, request.since, request.since_times, said)
        return replace(known, histories=_joined(known.histories, met)), True
    if request.history is None:
        assert request.preferences is not None
        codes = _liked(bundle, request.preferences)
        words = f"{len(codes)} popular items of the preferred words stand for a history"
        said.append(Said("preferences", words))
        met = Histories.of_lists([codes])
    else:
        met = _met(bundle, request.history, request.times, said)
    batch = UserBatch(np.array([-1], dtype=np.int32), met, asked_at(request.now, 1))
    if not len(met.items):
        said.append(Said("empty_history", "the history is empty"))
    elif not bundle.scorer.from_history:
        words = f"{bundle.manifest['model']} knows only its own users"
        said.append(Said("unknown_user", words))
    able = bool(len(met.items)) and bundle.scorer.from_history
    if not able and request.preferences is not None:
        return replace(batch, histories=Histories.empty(1)), able
    return batch, able


def _met(
    bundle: "Bundle",
    items: Sequence[ExternalId],
    times: Sequence[int] | None,
    said: list[Said],
) -> Histories:
    """Items that somebody met as one row; unknown ones are left out."""
    codes = bundle.codes(items)
    there = codes >= 0
    if not there.all():
        unknown = [str(item) for item, known in zip(items, there, strict=True) if not known]
        words = f"unknown items are left out: {', '.join(unknown[:5])}"
        said.append(Said("unknown_items", words))
    met = Histories.of_lists([codes[there]])
    if times is None:
        return met
    return replace(met, times=given_times(times, len(items))[there])


def _joined(before: Histories, after: Histories) -> Histories:
    """One row after the other: times are kept where both have them."""
    items = np.concatenate([before.items, after.items])
    times = None
    if before.times is not None and after.times is not None:
        last = before.times.max(initial=UNKNOWN)
        times = np.concatenate([before.times, np.maximum(after.times, last)])
    return Histories(np.array([0, len(items)], dtype=np.int64), items, times)


def untimed(bundle: "Bundle", batch: UserBatch) -> Iterator[Said]:
    """What the model reads of time and was not told."""
    model, reads = bundle.manifest["model"], bundle.scorer.temporal
    if reads != "off" and batch.histories.times is None:
        yield Said("no_times", f"{model} reads times, and the history has none")
    if reads == "now" and batch.now is None:
        yield Said("no_now", f"{model} reads now, and none is given")


def allowed(bundle: "Bundle", request: Request) -> Flags | None:
    """Which items may be answered: [I]; None where all may."""
    if request.allow is None and not request.deny and not request.only:
        return None
    flags = np.ones(len(bundle.items), dtype=np.bool_)
    if request.allow is not None:
        codes = bundle.codes(request.allow)
        flags[:] = False
        flags[codes[codes >= 0]] = True
    denied = bundle.codes(request.deny)
    flags[denied[denied >= 0]] = False
    for feature, words in request.only.items():
        flags &= having(bundle, feature, words)
    return flags


def having(bundle: "Bundle", feature: str, words: Sequence[str]) -> Flags:
    """Which items have one of the words: [I]."""
    items = bundle.items
    if feature not in items.features:
        known = ", ".join(items.features) or "none"
        raise UserError(f"items have no feature {feature!r}", f"known: {known}")
    bags = items.features[feature]
    codes = {word: code for code, word in enumerate(bags.vocabulary)}
    for word in words:
        if word not in codes:
            known = ", ".join(bags.vocabulary[:20])
            raise UserError(f"unknown {feature} {word!r}", f"known: {known}")
    hit = np.isin(bags.words, [codes[word] for word in words])
    rows = np.repeat(np.arange(len(items)), np.diff(bags.offsets))
    flags = np.zeros(len(items), dtype=np.bool_)
    flags[rows[hit]] = True
    return flags


def _liked(bundle: "Bundle", preferences: Mapping[str, Sequence[str]]) -> npt.NDArray[np.int32]:
    """The most popular items of each preferred word: a history for who has none."""
    found: list[int] = []
    for feature, words in preferences.items():
        for word in words:
            flags = having(bundle, feature, [word])
            order = np.argsort(-np.where(flags, bundle.popularity, -np.inf), kind="stable")
            found += [int(code) for code in order[:LIKED] if flags[code]]
    return np.array(list(dict.fromkeys(found)), dtype=np.int32)

"""From what is asked over HTTP to what a bundle is asked, and from its answer to JSON."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic_core import to_json

from cinesync.api.models import Recommend, Visit, What
from reccore.bundle.alike import similar
from reccore.bundle.answer import Answer, Request
from reccore.bundle.asking import who
from reccore.bundle.bundle import Bundle
from reccore.explain.removal import evidence
from reccore.serve.feedback import Event
from reccore.serve.refusal import Refusal

GRAIN = 600  # seconds that count as one moment: answers of the same ten minutes are the same
LIKED = 3  # a rating from which it speaks for more of the kind
RECENT = 100  # events of a user that are read


@dataclass(frozen=True)
class Met:
    """What a user did lately, as far as the server was told."""

    items: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # disliked: never recommended


def met(events: Sequence[Event]) -> Met:
    """Of events, oldest first: what was liked or met, and what was not liked."""
    found = Met()
    for event in events:
        bad = event.kind == "dislike" or (event.value is not None and event.value < LIKED)
        if bad:
            found.refused.append(event.item)
        elif event.kind != "click":  # clicked is not yet met
            found.items.append(event.item)
            found.times.append(event.at)
    return found


def request_of(asked: Recommend | Visit, bundle: Bundle, lately: Met) -> Request:
    """What the bundle is asked; a user that neither it nor the events know is refused."""
    what = _what(asked, bundle, lately)
    if isinstance(asked, Visit):
        return _visit(asked, bundle, lately, what)
    if asked.user is not None:
        return _of_user(asked.user, bundle, lately, what)
    if asked.preferences is not None:
        return Request(preferences=asked.preferences, **what)
    assert asked.history is not None
    _some_known(bundle, asked.history, "history")
    return Request(history=asked.history, times=asked.times, **what)


def _what(asked: What, bundle: Bundle, lately: Met) -> dict[str, Any]:
    _check_words(bundle, asked)
    now = asked.now
    if now is None and bundle.scorer.temporal == "now":
        now = max(int(time.time()) // GRAIN * GRAIN, *lately.times, 0)
    return {
        "k": asked.count,
        "deny": [*asked.exclude, *lately.refused],
        "only": asked.only,
        "diversity": asked.diversity,
        "least": asked.min_relevance,
        "now": now,
    }


def _of_user(user: str, bundle: Bundle, lately: Met, what: dict[str, Any]) -> Request:
    if bundle.knows(user):
        return Request(user=user, since=lately.items, since_times=lately.times or None, **what)
    if lately.items:
        return Request(history=lately.items, times=lately.times, **what)
    raise Refusal(
        404, "unknown_user", f"nothing is known of user {user!r}", field="user",
        remedy="send a history or preferences, or their feedback first",
    )  # fmt: skip


def _visit(asked: Visit, bundle: Bundle, lately: Met, what: dict[str, Any]) -> Request:
    _some_known(bundle, asked.items, "items")
    items, times = [*lately.items, *asked.items], None
    if asked.times is not None:
        late = max([*lately.times, 0])
        times = [*lately.times, *(max(at, late) for at in asked.times)]
    if asked.user is not None and bundle.knows(asked.user):
        return Request(user=asked.user, since=items, since_times=times, **what)
    return Request(history=items, times=times, **what)


def _some_known(bundle: Bundle, items: Sequence[str], name: str) -> None:
    if (bundle.codes(items) < 0).all():
        raise Refusal(
            422, "unknown_items", f"none of the items of {name} is known", field=name,
            remedy="GET /v1/items lists what there is",
        )  # fmt: skip


def _check_words(bundle: Bundle, asked: What) -> None:
    """Words nobody knows, by the field they stand in."""
    for name in ("only", "preferences"):
        given: Mapping[str, Sequence[str]] = getattr(asked, name, None) or {}
        for feature, words in given.items():
            bags = bundle.items.features.get(feature)
            if bags is None:
                known = ", ".join(bundle.items.features) or "none"
                raise _unknown(f"{name}.{feature}", f"items have no feature {feature!r}", known)
            for word in words:
                if word not in bags.vocabulary:
                    nearest = ", ".join(bags.vocabulary[:20])
                    raise _unknown(f"{name}.{feature}", f"unknown {feature} {word!r}", nearest)


def _unknown(name: str, problem: str, known: str) -> Refusal:
    return Refusal(422, "unknown_word", problem, field=name, remedy=f"known: {known}")


def answered(bundle: Bundle, request: Request, explain: bool) -> bytes:
    """Ask, and say it as JSON: an object that the server completes."""
    answer = bundle.answer(request)
    said = [{"code": c, "words": w} for c, w in zip(answer.codes, answer.degraded, strict=True)]
    return to_json(
        {
            "model": answer.model,
            "items": _items(bundle, request, answer, explain),
            "relevance_kept": round(answer.relevance_kept, 4),
            "degraded": said,
        }
    )


def _items(bundle: Bundle, request: Request, answer: Answer, explain: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "item": str(one.item),
            "title": one.title,
            "rank": one.rank,
            "score": round(one.score, 5),
            "relevance": round(one.relevance, 4),
            "by": one.by,
        }
        for one in answer.items
    ]
    if explain and rows and answer.items[0].by == "model":
        batch, _ = who(bundle, request, [])
        shown = np.array([bundle.items.ids.code(one.item) for one in answer.items], np.int32)
        for row, found in zip(rows, evidence(bundle.scorer, batch, shown), strict=True):
            row["reasons"] = [
                {"item": str(item), "title": title, "share": round(share, 4)}
                for (item, title), share in zip(
                    _named(bundle, found.codes.tolist()), found.shares.tolist(), strict=True
                )
            ]
    return rows


def _named(bundle: Bundle, codes: list[int]) -> list[tuple[Any, str | None]]:
    ids, titles = bundle.items.ids.externals, bundle.items.titles
    return [(ids[code], None if titles is None else titles[code]) for code in codes]


def most_active(bundle: Bundle, most: int) -> list[str]:
    """Known users with the longest histories: who was here most will be here again."""
    if bundle.users is None:
        return []
    best = np.argsort(-bundle.seen.lengths, kind="stable")[:most].tolist()
    return [str(bundle.users.ids.externals[code]) for code in best]


def alike(bundle: Bundle, item: str, count: int) -> list[dict[str, Any]]:
    """Items like one, as rows of an answer."""
    if int(bundle.codes([item])[0]) < 0:
        raise Refusal(404, "unknown_item", f"no item {item!r}", field="item")
    found = similar(bundle, item, count)
    likeness = found.likeness.tolist()
    return [
        {
            "item": str(name),
            "title": title,
            "rank": rank,
            "score": round(score, 5),
            "relevance": round(score, 4) if 0 <= score <= 1 else 1.0 if score > 1 else 0.0,
            "by": found.by,
        }
        for rank, ((name, title), score) in enumerate(
            zip(_named(bundle, found.codes.tolist()), likeness, strict=True), start=1
        )
    ]

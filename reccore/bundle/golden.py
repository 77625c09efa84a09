"""Requests with the answers they had at export: a bundle proves itself before it answers others."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from reccore.bundle.answer import Answer, Request
from reccore.bundle.bundle import Bundle
from reccore.bundle.manifest import within
from reccore.bundle.write import People, write_json
from reccore.data.dataset import Table
from reccore.data.ids import ExternalId
from reccore.data.interactions import Floats
from reccore.errors import UserError

NAME = "golden-1.json"
SOME = 3  # requests of each sort
APART = 5 * 3_600  # seconds between events that are made up: never the same hour
TOLERANCE = 1e-4  # of the largest score; graphs round differently on other processors


def golden_requests(
    items: Table, popularity: Floats, people: People | None, latest: int | None = None
) -> list[Request]:
    """Known users, histories short and long, nobody at all.

    `latest`, of a model that reads times: the same with times after it, and one without.
    """
    best = items.ids.decode(np.argsort(-popularity, kind="stable")[:20].astype(np.int32)).to_list()
    asked = [Request(history=best[: 1 + 3 * at]) for at in range(SOME)]
    asked.append(Request(history=[]))
    for feature, bags in list(items.features.items())[:1]:
        asked.append(Request(preferences={feature: bags.vocabulary[:2]}))
    if people is not None:
        asked += [Request(user=user) for user in people.table.ids.ids.head(SOME).to_list()]
    if latest is None:
        return asked
    return [asked[0], *(_timed(request, latest) for request in asked)]


def _timed(request: Request, latest: int) -> Request:
    """The same with a history's items `APART` after `latest`, and asked as much later."""
    if request.history is None:
        return replace(request, now=latest + APART)
    times = [latest + APART * at for at in range(1, 1 + len(request.history))]
    return replace(request, times=times, now=latest + APART * (1 + len(times)))


def write_golden(folder: Path, bundle: Bundle, requests: list[Request]) -> None:
    rows = []
    for request in requests:
        answer = bundle.answer(request)
        usual = asdict(Request())
        fields = {name: value for name, value in asdict(request).items() if value != usual[name]}
        items = [[item.item, item.score] for item in answer.items]
        rows.append({"request": fields, "items": items, "degraded": list(answer.degraded)})
    write_json(folder / NAME, rows)


def rows_of(bundle: Bundle) -> list[dict[str, Any]]:
    """The stored requests with their answers."""
    name = str(bundle.manifest["golden"])
    if name not in bundle.manifest.files:
        raise UserError(f"{bundle.folder} does not list its golden requests", "export it again")
    text = within(bundle.folder, name).read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def check_golden(bundle: Bundle) -> None:
    """Refuse a bundle that answers otherwise than when it was made.

    Who may no longer be asked for (a user that was deleted) is passed over.
    """
    for number, row in enumerate(rows_of(bundle)):
        request = Request(**row["request"])
        if request.user is not None and not bundle.knows(request.user):
            continue
        said = differs(row, bundle.answer(request))
        if said is not None:
            raise UserError(
                f"{bundle.folder} answers its golden request {number + 1} otherwise than at export "
                f"({said})",
                "its files are whole, so this machine computes differently: export it again here",
            )


def differs(row: Mapping[str, Any], answer: Answer) -> str | None:
    """What of a golden answer is not as it was; items of equal scores may stand for each other."""
    expected: dict[ExternalId, float] = dict(row["items"])
    found = {item.item: item.score for item in answer.items}
    if len(found) != len(expected):
        return f"{len(found)} items, then {len(expected)}"
    if list(answer.degraded) != row["degraded"]:
        return f"{list(answer.degraded)}, then {row['degraded']}"
    if not expected:
        return None
    slack = TOLERANCE * max(1e-9, *map(abs, expected.values()))
    last = min(expected.values())
    for item in {**expected, **found}:
        before, now = expected.get(item, last), found.get(item, last)
        if abs(before - now) > slack:
            return f"item {item} scores {now:.6g}, then {before:.6g}"
    return None

"""Requests with the answers they had at export: a bundle proves itself before it answers others."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from reccore.bundle.answer import Request
from reccore.bundle.bundle import Bundle
from reccore.bundle.write import People, write_json
from reccore.data.dataset import Table
from reccore.data.ids import ExternalId
from reccore.data.interactions import Floats
from reccore.errors import UserError

NAME = "golden-1.json"
SOME = 3  # requests of each sort
TOLERANCE = 1e-4  # of the largest score; graphs round differently on other processors


def golden_requests(items: Table, popularity: Floats, people: People | None) -> list[Request]:
    """Known users, histories short and long, nobody at all."""
    best = items.ids.decode(np.argsort(-popularity, kind="stable")[:20].astype(np.int32)).to_list()
    asked = [Request(history=best[: 1 + 3 * at]) for at in range(SOME)]
    asked.append(Request(history=[]))
    for feature, bags in list(items.features.items())[:1]:
        asked.append(Request(preferences={feature: bags.vocabulary[:2]}))
    if people is not None:
        asked += [Request(user=user) for user in people.table.ids.ids.head(SOME).to_list()]
    return asked


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
    path = bundle.folder / bundle.manifest["golden"]
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def check_golden(bundle: Bundle) -> None:
    """Refuse a bundle that answers otherwise than when it was made.

    Who may no longer be asked for (a user that was deleted) is passed over.
    """
    for number, row in enumerate(rows_of(bundle)):
        request = Request(**row["request"])
        if request.user is not None and not bundle.knows(request.user):
            continue
        found = {item.item: item.score for item in bundle.answer(request).items}
        expected: dict[ExternalId, float] = dict(row["items"])
        size = max([abs(score) for score in expected.values()], default=1.0) or 1.0
        shared = found.keys() & expected.keys()
        off = max([abs(found[i] - expected[i]) for i in shared], default=0.0) / size
        lost = min((expected[i] for i in expected.keys() - shared), default=None)
        edge = min(expected.values(), default=0.0)
        if off > TOLERANCE or (lost is not None and lost - edge > TOLERANCE * size):
            raise UserError(
                f"{bundle.folder} answers its golden request {number + 1} otherwise than at export",
                "its files are whole, so this machine computes differently: export it again here",
            )

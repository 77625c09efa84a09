"""Requests with the answers they had at export: a bundle proves itself before it answers others."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from giftrec.bundle.bundle import GiftBundle
from giftrec.money import Money
from giftrec.recommend import Answer
from giftrec.schema import Profile, Scenario
from reccore.bundle.write import write_json
from reccore.errors import UserError

NAME = "golden-1.json"
SOME = 6
TOLERANCE = 3e-4  # of an expected satisfaction, which answers give in four digits


def golden_requests(scenarios: Sequence[Scenario], currency: str) -> list[tuple[Profile, int]]:
    """Some recipients of scenarios, one of whom little is known, and one with a cent to spend."""
    asked = [(s.profile, s.day) for s in scenarios[:SOME]]
    one, day = asked[0]
    cent = Money(minor=1, currency=currency)
    bare = one.model_copy(update={"hobbies": (), "preferences": ()})
    return [*asked, (bare, day), (one.model_copy(update={"budget": cent}), day)]


def write_golden(folder: Path, bundle: GiftBundle, requests: Sequence[tuple[Profile, int]]) -> None:
    rows = [
        {
            "request": {"profile": _plain(profile), "day": day},
            "answer": _plain(bundle.recommend(profile, day)),
        }
        for profile, day in requests
    ]
    write_json(folder / NAME, rows)


def rows_of(bundle: GiftBundle) -> list[dict[str, Any]]:
    path = bundle.path / bundle.facts["golden"]
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def check_golden(bundle: GiftBundle) -> None:
    """Refuse a bundle that answers otherwise than when it was made."""
    for number, row in enumerate(rows_of(bundle), start=1):
        request = row["request"]
        profile = Profile.model_validate_json(json.dumps(request["profile"]))
        expected = Answer.model_validate_json(json.dumps(row["answer"]))
        if not alike(bundle.recommend(profile, request["day"]), expected):
            raise UserError(
                f"{bundle.path} answers its golden request {number} otherwise than at export",
                "its files are whole, so this machine computes differently: export it again here",
            )


def alike(one: Answer, other: Answer) -> bool:
    """The same but for the last digits of what is expected."""
    pairs = zip(one.suggestions, other.suggestions, strict=False)
    close = all(
        abs(a.expected_satisfaction - b.expected_satisfaction) <= TOLERANCE for a, b in pairs
    )
    return close and _without_figures(one) == _without_figures(other)


def _without_figures(answer: Answer) -> Answer:
    bare = (s.model_copy(update={"expected_satisfaction": 0.0}) for s in answer.suggestions)
    return answer.model_copy(update={"suggestions": tuple(bare)})


def _plain(record: Profile | Answer) -> Any:
    return json.loads(record.model_dump_json())

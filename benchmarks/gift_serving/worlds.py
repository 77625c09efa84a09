"""Catalogues and questions of these measurements; made once, kept in checkpoints/benchmarks.

small   the 45 gifts that ship, of today
large   100,000 generated gifts, of today
marked  the 45 again, every id with a mark: an answer that mixes two catalogues can be told
"""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.ground import RUNS
from giftrec.catalog.default import dated, demonstration, is_demonstration
from giftrec.catalog.live import LIVE, Catalogue
from giftrec.catalog.sources.generated import generated
from giftrec.cli_registry import prove
from giftrec.vocabulary import default_vocabulary
from reccore.bundle.registry import Registry
from reccore.data.seeds import rng

PROJECT = Path(__file__).parents[2]
KEPT = RUNS / "gift-serving"
ROOT = KEPT / "models"
LARGE = 100_000
KEY = {"gifts": "id"}  # of the other tables: gift
THINGS = (
    "pottery", "the garden", "long train journeys", "old maps", "spicy food", "bird watching",
    "board games", "a warm kitchen", "night skies", "wooden toys", "jazz records", "camping",
)  # fmt: skip
Tables = tuple[dict[str, pl.DataFrame], dict[str, Any]]


def registry() -> str:
    """The shipped bundle as champion; its name."""
    found = Registry("giftrec", ROOT, prove)
    released = PROJECT / "checkpoints" / "gifts"
    version = found.holding("gifts", released)
    if version is None:
        version = found.add(released, "gifts")
    if found.aliases("gifts").get("champion") != version:
        found.activate("gifts", version)
    return "gifts"


def small(folder: Path) -> Catalogue:
    """In a folder of its own: others may be published over it."""
    catalogue = Catalogue(folder / "catalogue")
    catalogue.publish(*_own(demonstration(date.today())))
    return catalogue


def large() -> Catalogue:
    """Made anew when it is of another day: facts of last week would be stale."""
    catalogue = Catalogue(KEPT / "catalogue-100000")
    today = date.today()
    if (catalogue.folder / LIVE).exists():
        with catalogue.current() as snapshot:
            if snapshot.as_of == today.isoformat():
                return catalogue
    print("making 100,000 gifts", flush=True)
    catalogue.publish(*dated(*generated(LARGE), today), keep=1)
    return catalogue


def marked(mark: str) -> Tables:
    """The 45 gifts with other ids."""
    tables, facts = _own(demonstration(date.today()))
    renamed = {
        name: table.with_columns((pl.col(key) + mark).alias(key))
        for name, table in tables.items()
        for key in (KEY.get(name, "gift"),)
    }
    return renamed, facts


def _own(made: Tables) -> Tables:
    """Not a demonstration, which a server would date anew."""
    tables, facts = made
    assert is_demonstration(facts)
    return tables, {k: v for k, v in facts.items() if k not in ("demonstration", "notes")}


# What is asked


def profiles(seed: int) -> Iterator[bytes]:
    """Recipients without end, no two alike: their budgets differ in cents."""
    for recipient in _recipients(seed):
        yield _body(recipient=recipient)


def with_wishes(seed: int) -> Iterator[bytes]:
    """The same with a like in free words."""
    draw = rng(seed, "gift wishes")
    for number, recipient in enumerate(_recipients(seed)):
        one, two = draw.choice(len(THINGS), 2, replace=False).tolist()
        yield _body(recipient=recipient, wishes=[f"{THINGS[one]} and {THINGS[two]} {number}"])


def sentences(seed: int) -> Iterator[bytes]:
    for one in _recipients(seed):
        minor, hobbies = one["budget"]["minor"], " and ".join(one["hobbies"]).replace("_", " ")
        yield _body(
            text=f"my {one['relationship']} turns {one['age']}, loves {hobbies}, "
            f"up to {minor / 100:.2f} euros, in {one['days_left']} days"
        )


def _recipients(seed: int) -> Iterator[dict[str, Any]]:
    words, draw = default_vocabulary(), rng(seed, "gift recipients")
    levels = {n: words.levels(n) for n in ("hobby", "preference", "relationship", "occasion")}

    def some(factor: str, count: int) -> list[str]:
        names = levels[factor]
        return [names[i] for i in draw.choice(len(names), count, replace=False).tolist()]

    met: set[tuple[Any, ...]] = set()
    while True:
        one: dict[str, Any] = {
            "age": int(draw.integers(4, 90)),
            "relationship": some("relationship", 1)[0],
            "occasion": some("occasion", 1)[0],
            "hobbies": some("hobby", int(draw.integers(1, 4))),
            "preferences": some("preference", int(draw.integers(0, 3))),
            "budget": {"minor": int(draw.integers(1500, 20_000)), "currency": "EUR"},
            "days_left": int(draw.integers(2, 40)),
        }
        key = (one["age"], one["relationship"], one["occasion"], one["budget"]["minor"])
        if key not in met:
            met.add(key)
            yield one


def _body(**asked: Any) -> bytes:
    return json.dumps(asked, separators=(",", ":")).encode()

"""Scenario files: JSON, validated on the way in, with errors that name file, scenario and field."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from giftrec.catalog.gifts import parse_record, printable, read_json
from giftrec.catalog.world import World
from giftrec.schema import Scenario
from reccore.data.seeds import rng
from reccore.errors import UserError
from reccore.files import write_atomic

FORMAT = "giftrec scenarios"
VERSION = 1
SHIPPED = "expanded_user_scenarios.json"


@dataclass(frozen=True)
class ScenarioFile:
    """Scenarios with what is known of how they were made."""

    scenarios: tuple[Scenario, ...]
    metadata: Mapping[str, Any]
    source: str


def write_scenarios(path: Path, scenarios: Sequence[Scenario], metadata: Mapping[str, Any]) -> None:
    content = {
        "format": FORMAT,
        "version": VERSION,
        "metadata": dict(metadata),
        "scenarios": [json.loads(scenario.model_dump_json()) for scenario in scenarios],
    }
    write_atomic(path.resolve(), json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def shipped_scenarios(world: World) -> ScenarioFile:
    """The 100 scenarios that ship."""
    text = files("giftrec.scenarios").joinpath(SHIPPED).read_text(encoding="utf-8")
    return parse_scenarios(json.loads(text), SHIPPED, world)


def load_scenarios(path: Path | None, world: World) -> ScenarioFile:
    """A file's scenarios, or those that ship."""
    return (
        shipped_scenarios(world)
        if path is None
        else parse_scenarios(read_json(path), str(path), world)
    )


def parse_scenarios(content: Any, source: str, world: World) -> ScenarioFile:
    """A whole file, or a plain list of scenarios."""
    metadata: Mapping[str, Any] = {}
    if isinstance(content, dict):
        if content.get("format") != FORMAT:
            raise UserError(f"{source} is not a scenario file", f'"format" must be "{FORMAT}"')
        if content.get("version") != VERSION:
            raise UserError(
                f"{source} has version {content.get('version')!r}", f"this reads {VERSION}"
            )
        metadata, content = content.get("metadata", {}), content.get("scenarios")
    if not isinstance(content, list):
        raise UserError(f"{source} has no list of scenarios", '{"scenarios": [...]}')
    if not content:
        raise UserError(f"{source} has 0 scenarios", "giftrec scenarios expand makes some")
    scenarios, seen = [], set[str]()
    for number, entry in enumerate(content, start=1):
        named = entry.get("id") if isinstance(entry, dict) else None
        where = f"{source}, scenario {printable(named or number)}"
        scenario: Scenario = parse_record(Scenario, entry, where)
        scenario.check(world.vocabulary, where)
        if scenario.profile.budget.currency != world.currency:
            raise UserError(
                f"{where}, profile.budget {scenario.profile.budget}: gifts are priced in "
                f"{world.currency}",
                "convert it first, e.g. with giftrec.money.RateTable",
            )
        if scenario.id in seen:
            raise UserError(f"{where}: its id is there twice", "ids are unique")
        seen.add(scenario.id)
        for outcome in scenario.outcomes:
            if outcome.gift not in world.index:
                raise UserError(f"{where}, outcomes: unknown gift {outcome.gift!r}", "give --gifts")
        scenarios.append(scenario)
    return ScenarioFile(tuple(scenarios), metadata, source)


def split(
    scenarios: Sequence[Scenario], validation: float, seed: int
) -> tuple[tuple[Scenario, ...], tuple[Scenario, ...]]:
    """Training and validation scenarios, by a seeded permutation: 80/20 by default."""
    if len(scenarios) < 2:
        raise UserError(
            f"{len(scenarios)} scenario cannot be split into training and validation",
            "give at least 2",
        )
    held = min(max(1, round(validation * len(scenarios))), len(scenarios) - 1)
    order = rng(seed, "scenario split").permutation(len(scenarios))
    return (
        tuple(scenarios[i] for i in sorted(order[held:])),
        tuple(scenarios[i] for i in sorted(order[:held])),
    )

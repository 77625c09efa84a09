"""What a set of scenarios holds: coverage, labels, and how true augmentation leaves the labels."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from giftrec.catalog.world import World
from giftrec.columns import Columns
from giftrec.oracle import SUBSETS, Oracle
from giftrec.scenarios.augment import AugmentSettings, augment
from giftrec.scenarios.cover import FACTORS, valid_pairs
from giftrec.scenarios.expand import expand
from giftrec.schema import Profile, Scenario
from giftrec.vocabulary import Vocabulary


def levels_of(profile: Profile, words: Vocabulary) -> dict[str, set[str]]:
    """The factor values that a recipient has; words can be of several kinds."""

    def within(ranges: dict[str, tuple[int, int]], value: float) -> set[str]:
        inside = {name for name, (low, high) in ranges.items() if low <= value <= high}
        nearest = min(
            ranges, key=lambda n: min(abs(value - ranges[n][0]), abs(value - ranges[n][1]))
        )
        return inside or {nearest}

    return {
        "relationship": {profile.relationship},
        "occasion": {profile.occasion},
        "hobby_category": {words.hobbies[h] for h in profile.hobbies},
        "preference_type": {words.preferences[p] for p in profile.preferences},
        "age_group": {words.age_group(profile.age)},
        "budget_tier": within(words.budget_tiers, profile.budget.minor / 100),
        "urgency": within(words.urgencies, profile.days_left),
    }


def coverage_of(profiles: Sequence[Profile], words: Vocabulary) -> dict[str, float]:
    """Shares of values and of valid pairs that recipients hold, read off the recipients."""
    values, pairs = set[tuple[str, str]](), set[tuple[str, str, str, str]]()
    for profile in profiles:
        levels = levels_of(profile, words)
        values |= {(f, v) for f, some in levels.items() for v in some}
        for f, g in combinations(FACTORS, 2):
            pairs |= {(f, a, g, b) for a in levels[f] for b in levels[g]}
    everything = {(f, v) for f in FACTORS for v in words.levels(f)}
    wanted = valid_pairs(words)
    return {
        "values": len(values & everything) / len(everything),
        "pairs": len(pairs & wanted) / len(wanted),
        "valid_pairs": float(len(wanted)),
    }


def made(world: World, count: int, seed: int) -> tuple[tuple[Scenario, ...], dict[str, Any]]:
    """Fresh scenarios, and the metadata of their file."""
    some = expand(world, count, seed)
    return some, {
        "seed": seed,
        "count": count,
        "currency": world.currency,
        "world_seed": world.seed,
        "as_of": world.as_of.isoformat(),
        "gifts": len(world),
        "coverage": coverage_of([s.profile for s in some], world.vocabulary),
    }


def described(world: World, scenarios: Sequence[Scenario], draws: int) -> dict[str, Any]:
    words = world.vocabulary
    counts = {f: Counter[str]() for f in FACTORS}
    for scenario in scenarios:
        for factor, some in levels_of(scenario.profile, words).items():
            counts[factor].update(some)
    facts: dict[str, Any] = {
        "scenarios": len(scenarios),
        "coverage": coverage_of([s.profile for s in scenarios], words),
        "factors": {f: dict(c.most_common()) for f, c in counts.items()},
        "expected_categories": dict(
            Counter(c for s in scenarios for c in s.expected_categories).most_common()
        ),
        "expected_tools": dict(
            Counter("+".join(s.expected_tools) or "none" for s in scenarios).most_common()
        ),
        "outcomes": sum(len(s.outcomes) for s in scenarios),
    }
    if draws:
        facts["augmentation"] = label_changes(world, scenarios, draws)
    return facts


def label_changes(world: World, scenarios: Sequence[Scenario], draws: int) -> dict[str, float]:
    """The share of augmented draws whose true label would be another than the one kept."""
    oracle = Oracle(world)
    columns = Columns.of([s.profile for s in scenarios], world.vocabulary)
    draw = np.random.default_rng(0)
    differ: dict[str, list[bool]] = {"categories": [], "first_category": [], "tools": []}
    for _ in range(draws):
        varied = augment(columns, AugmentSettings(), draw)
        who = oracle.recipients(varied.profiles(world.vocabulary, world.currency))
        categories = oracle.expected_categories(who)
        subsets = oracle.net_tool_values(who).argmax(axis=1)
        for n, scenario in enumerate(scenarios):
            kept = scenario.expected_categories
            differ["categories"].append(set(categories[n]) != set(kept))
            differ["first_category"].append(categories[n][:1] != kept[:1])
            differ["tools"].append(SUBSETS[int(subsets[n])] != scenario.expected_tools)
    return {f"{name}_differ": float(np.mean(values)) for name, values in differ.items()}

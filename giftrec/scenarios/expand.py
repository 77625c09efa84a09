"""Make scenarios: rows of factors become recipients, and the simulator says what was right."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from giftrec.catalog.world import Floats, World
from giftrec.money import Money, digits
from giftrec.oracle import SUBSETS, Oracle
from giftrec.scenarios.cover import Row, covering_rows, most_covering, random_row
from giftrec.schema import Outcome, Profile, Scenario
from giftrec.vocabulary import Vocabulary
from reccore.data.seeds import derive, rng
from reccore.errors import UserError

ENOUGH, ANY = 100, 10**6  # rows an array needs; fewer are picked out of any array
OUTCOMES = 10  # gifts a scenario whose reception is known, at most
MATCHED = 5  # of them are drawn towards words in common, the others evenly


def expand(world: World, count: int, seed: int, *, label: bool = True) -> tuple[Scenario, ...]:
    """`count` scenarios: a covering array as far as it reaches, random rows beyond it."""
    if count < 1:
        raise UserError(f"--count is {count}", "ask for at least 1 scenario")
    words = world.vocabulary
    rows = covering_rows(words, seed, count if count >= ENOUGH else ANY)
    rows = most_covering(rows, count) if len(rows) > count else rows
    rows += [random_row(words, seed, n) for n in range(len(rows), count)]
    order = rng(seed, "order").permutation(count)
    profiles = [recipient(rows[r], words, world.currency, seed, int(r)) for r in order]
    width = max(3, len(str(count)))
    scenarios = [
        Scenario(id=f"s{seed}-{n + 1:0{width}d}", profile=profile, day=day_of(seed, n))
        for n, profile in enumerate(profiles)
    ]
    return label_all(world, scenarios) if label else tuple(scenarios)


def day_of(seed: int, number: int) -> int:
    """Each scenario has a day of its own."""
    return derive(seed, "day", number) % 10**9


def recipient(row: Row, words: Vocabulary, currency: str, seed: int, number: int) -> Profile:
    """A recipient with the row's values; every third budget is a boundary of its tier."""
    draw = rng(seed, "recipient", number)
    youngest, oldest = words.age_groups[row["age_group"]]
    low, high = words.budget_tiers[row["budget_tier"]]
    budget = {0: low, 1: high}.get(
        number % 6, float(np.exp(draw.uniform(np.log(low), np.log(high))))
    )
    fewest, most = words.urgencies[row["urgency"]]
    hobbies = _words(
        draw, words.hobby_categories[row["hobby_category"]], words.levels("hobby"), extra=3
    )
    preferences = _words(
        draw, words.preference_types[row["preference_type"]], words.levels("preference"), extra=2
    )
    return Profile(
        age=int(draw.integers(youngest, oldest + 1)),
        hobbies=hobbies,
        preferences=preferences,
        relationship=row["relationship"],
        occasion=row["occasion"],
        budget=Money(minor=round(10 ** digits(currency) * budget), currency=currency),
        days_left=int(draw.integers(fewest, most + 1)),
    )


def _words(
    draw: np.random.Generator, own: Sequence[str], others: Sequence[str], extra: int
) -> tuple[str, ...]:
    """One word of the row's kind, and up to `extra` - 1 of any."""
    first = str(draw.choice(own))
    more = [str(w) for w in draw.permutation(others) if w != first][: int(draw.integers(extra))]
    return (first, *more)


def label_all(
    world: World, scenarios: Sequence[Scenario], tool_values: Floats | None = None
) -> tuple[Scenario, ...]:
    """Scenarios with what was right for them, and how some gifts were received.

    `tool_values` [N, 32], where they are known already: they are what takes long.
    """
    oracle = Oracle(world)
    who = oracle.recipients([s.profile for s in scenarios])
    categories = oracle.expected_categories(who)
    values = oracle.net_tool_values(who) if tool_values is None else tool_values
    subsets = values.argmax(axis=1)
    facts = oracle.facts([s.day for s in scenarios])
    tastes = oracle.tastes([derive(s.day, "scenario") for s in scenarios], 1)
    received = oracle.satisfaction(who, facts, tastes)[:, 0]  # [N, G]
    could = oracle.feasible(who, facts)
    return tuple(
        scenario.model_copy(
            update={
                "expected_categories": categories[n],
                "expected_tools": SUBSETS[int(subsets[n])],
                "outcomes": tuple(
                    Outcome(gift=world.gifts[g].id, satisfaction=round(float(received[n, g]), 4))
                    for g in given(world, scenario, could[n])
                ),
            }
        )
        for n, scenario in enumerate(scenarios)
    )


def given(world: World, scenario: Scenario, could: npt.NDArray[np.bool_]) -> list[int]:
    """The gifts whose reception is known: of those that could be had that day, some that have
    words in common with the recipient, as a shop would show them, and some at random."""
    within = np.flatnonzero(could)
    draw = rng(scenario.day, "given")
    mine = {*scenario.profile.hobbies, *scenario.profile.preferences, scenario.profile.occasion}
    gifts = (world.gifts[g] for g in within)
    common = np.array([len(mine & {*g.hobbies, *g.preferences, *g.occasions}) for g in gifts])
    by_match = within[np.argsort(-(common + draw.gumbel(size=len(within))), kind="stable")]
    first = [int(g) for g in by_match[:MATCHED]]
    rest = [int(g) for g in draw.permutation(within) if int(g) not in first]
    return first + rest[: OUTCOMES - len(first)]

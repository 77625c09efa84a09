"""Combinations of factors that hold every valid pair of values, in few rows; and their coverage.

The rows come from a covering array generator; what they cover is counted by our own checker, since
a generator that misses a pair would not tell.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product

from covertable import make

from giftrec.vocabulary import Vocabulary
from reccore.data.seeds import derive, rng
from reccore.errors import UserError

Row = Mapping[str, str]
FACTORS = (
    "relationship",
    "occasion",
    "hobby_category",
    "preference_type",
    "age_group",
    "budget_tier",
    "urgency",
)
TRIES = 10_000  # random rows before a vocabulary is found to have none
SALTS = 12  # arrays tried; the shortest is taken


def valid_pairs(vocabulary: Vocabulary) -> set[tuple[str, str, str, str]]:
    """(factor, value, factor, value) of every pair that can happen."""
    return {
        (f, a, g, b)
        for f, g in combinations(FACTORS, 2)
        for a, b in product(vocabulary.levels(f), vocabulary.levels(g))
        if vocabulary.is_possible(**{f: a, g: b})
    }


def pairs_of(rows: Iterable[Row]) -> set[tuple[str, str, str, str]]:
    """The pairs that rows hold."""
    return {(f, row[f], g, row[g]) for row in rows for f, g in combinations(FACTORS, 2)}


def covering_rows(vocabulary: Vocabulary, seed: int, at_most: int) -> list[dict[str, str]]:
    """Rows with every valid pair: the first array found of at most that many, or the shortest."""
    factors = {factor: list(vocabulary.levels(factor)) for factor in FACTORS}
    constraints = [
        {
            "operator": "not",
            "condition": {
                "operator": "and",
                "conditions": [
                    {"operator": "eq", "left": factor, "value": value}
                    for factor, value in zip(names.split(","), pair, strict=True)
                ],
            },
        }
        for names, pairs in vocabulary.impossible.items()
        for pair in pairs
    ]
    wanted, best = valid_pairs(vocabulary), None
    for salt in range(SALTS):
        rows = make(factors, constraints=constraints, salt=str(derive(seed, "cover", salt)))
        rows = _whole([dict(row) for row in rows], wanted, vocabulary, seed)
        if best is None or len(rows) < len(best):
            best = rows
        if len(best) <= at_most:
            break
    assert best is not None
    return best


def _whole(
    rows: list[dict[str, str]],
    wanted: set[tuple[str, str, str, str]],
    vocabulary: Vocabulary,
    seed: int,
) -> list[dict[str, str]]:
    """Rows with whatever pairs the generator missed added."""
    rows = [row for row in rows if vocabulary.is_possible(**row)]
    for f, a, g, b in sorted(wanted - pairs_of(rows)):
        if (f, a, g, b) not in pairs_of(rows):
            rows.append(random_row(vocabulary, seed, len(rows), {f: a, g: b}))
    return rows


def random_row(
    vocabulary: Vocabulary, seed: int, number: int, fixed: Row | None = None
) -> dict[str, str]:
    """A valid row of values drawn at random, some of them given."""
    draw = rng(seed, "row", number)
    for _ in range(TRIES):
        row = {f: str(draw.choice(vocabulary.levels(f))) for f in FACTORS} | dict(fixed or {})
        if vocabulary.is_possible(**row):
            return row
    raise UserError(
        f"no scenario can have {', '.join(map(str, (fixed or {}).values())) or 'these words'}",
        "the vocabulary's [impossible] pairs exclude too much",
    )


def most_covering(rows: Sequence[dict[str, str]], count: int) -> list[dict[str, str]]:
    """The `count` rows that together hold most pairs, greedily."""
    rest, held = list(rows), set[tuple[str, str, str, str]]()
    chosen: list[dict[str, str]] = []
    while rest and len(chosen) < count:
        best = max(range(len(rest)), key=lambda i: len(pairs_of([rest[i]]) - held))
        held |= pairs_of([rest[best]])
        chosen.append(rest.pop(best))
    return chosen


def coverage(rows: Sequence[Row], vocabulary: Vocabulary) -> dict[str, float]:
    """Shares of values and of valid pairs that the rows hold."""
    values = {(f, v) for f in FACTORS for v in vocabulary.levels(f)}
    pairs = valid_pairs(vocabulary)
    return {
        "rows": float(len(rows)),
        "values": len(values & {(f, row[f]) for row in rows for f in FACTORS}) / len(values),
        "pairs": len(pairs & pairs_of(rows)) / len(pairs),
        "valid_pairs": float(len(pairs)),
    }

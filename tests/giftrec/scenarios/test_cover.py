from importlib.resources import files
from itertools import combinations
from tomllib import loads

import pytest

from giftrec.scenarios.cover import (
    FACTORS,
    _whole,
    coverage,
    covering_rows,
    most_covering,
    pairs_of,
    random_row,
    valid_pairs,
)
from giftrec.vocabulary import default_vocabulary

WORDS = default_vocabulary()
FILE = loads(files("giftrec.vocabulary").joinpath("vocabulary.toml").read_text(encoding="utf-8"))
LEVELS = {
    "relationship": list(FILE["relationships"]),
    "occasion": list(FILE["occasions"]),
    "hobby_category": list(FILE["hobby_categories"]),
    "preference_type": list(FILE["preference_types"]),
    "age_group": list(FILE["age_groups"]),
    "budget_tier": list(FILE["budget_tiers"]),
    "urgency": list(FILE["urgencies"]),
}


def excluded(values):
    """Whether a row, or a part of one, holds a pair that the file excludes."""
    for factors, pairs in FILE["impossible"].items():
        for pair in pairs:
            if all(
                values.get(f) == value for f, value in zip(factors.split(","), pair, strict=True)
            ):
                return True
    return False


def pairs_that_can_happen():
    found = []
    for one, other in combinations(LEVELS, 2):
        for a in LEVELS[one]:
            for b in LEVELS[other]:
                if not excluded({one: a, other: b}):
                    found.append({one: a, other: b})
    return found


def holds(row, pair):
    return all(row[factor] == value for factor, value in pair.items())


def test_at_most_100_rows_hold_every_valid_pair(rows):
    assert len(rows) <= 100
    report = coverage(rows, WORDS)
    assert report["pairs"] == report["values"] == 1.0
    assert report["rows"] == len(rows)


def test_another_checker_agrees(rows):
    wanted = pairs_that_can_happen()
    assert len(wanted) == coverage(rows, WORDS)["valid_pairs"] == 880
    assert [pair for pair in wanted if not any(holds(row, pair) for row in rows)] == []


def test_no_row_can_not_happen(rows):
    for row in rows:
        assert set(row) == set(FACTORS)
        assert all(row[factor] in LEVELS[factor] for factor in FACTORS)
        assert not excluded(row)


def test_every_checker_excludes_the_same_pairs():
    valid = valid_pairs(WORDS)
    for one, other in combinations(FACTORS, 2):
        for a in WORDS.levels(one):
            for b in WORDS.levels(other):
                pair = {one: a, other: b}
                can = not excluded(pair)
                assert WORDS.is_possible(**pair) == can
                assert ((one, a, other, b) in valid) == can


def test_pairs_of_a_row():
    row = dict(zip(FACTORS, "abcdefg", strict=True))
    pairs = pairs_of([row, row])
    assert len(pairs) == 7 * 6 / 2
    assert ("relationship", "a", "urgency", "g") in pairs


def test_coverage_of_a_part_is_that_of_a_loop(rows):
    part = rows[:10]
    wanted = pairs_that_can_happen()
    held = sum(any(holds(row, pair) for row in part) for pair in wanted)
    values = sum(len({row[factor] for row in part}) for factor in FACTORS)
    report = coverage(part, WORDS)
    assert held < len(wanted)
    assert report["pairs"] == pytest.approx(held / len(wanted))
    assert report["values"] == pytest.approx(values / sum(map(len, LEVELS.values())))


def test_pairs_that_a_generator_missed_are_added(rows):
    """And its rows that cannot happen are dropped."""
    broken = rows[0] | {"relationship": "mother", "occasion": "fathers_day"}
    assert excluded(broken)
    whole = _whole([broken, *rows[:60]], valid_pairs(WORDS), WORDS, 7)
    assert whole[:60] == rows[:60]
    assert not any(excluded(row) for row in whole)
    assert coverage(rows[:60], WORDS)["pairs"] < 1
    assert coverage(whole, WORDS)["pairs"] == 1


def test_other_words_are_covered_too():
    """A user's own vocabulary, with few words and other pairs excluded."""
    few = WORDS.model_copy(
        update={
            "relationships": {"friend": 0.5, "boss": 0.1},
            "occasions": {"birthday": 0.6, "wedding": 0.6, "christmas": 0.5},
            "impossible": {"relationship,occasion": (("boss", "wedding"),)},
        }
    )
    made = covering_rows(few, 1, 1000)
    assert coverage(made, few)["pairs"] == 1
    assert not [r for r in made if (r["relationship"], r["occasion"]) == ("boss", "wedding")]
    assert made == covering_rows(few, 1, 1000)


def test_random_rows_can_happen_and_keep_what_is_given():
    rows = [random_row(WORDS, 3, number) for number in range(200)]
    assert not any(excluded(row) for row in rows)
    assert coverage(rows, WORDS)["values"] == 1
    assert rows[5] == random_row(WORDS, 3, 5)
    assert rows[5] != random_row(WORDS, 4, 5)
    fixed = {"relationship": "grandparent", "age_group": "65-75"}
    row = random_row(WORDS, 3, 5, fixed)
    assert holds(row, fixed)
    assert not excluded(row)


def test_the_most_covering_rows_are_chosen_greedily(rows):
    chosen = most_covering(rows, 6)
    assert len(chosen) == len({tuple(row.items()) for row in chosen}) == 6
    assert all(row in rows for row in chosen)
    for count, row in enumerate(chosen):
        before = pairs_of(chosen[:count])
        most = max(len(pairs_of([other]) - before) for other in rows)
        assert len(pairs_of([row]) - before) == most
    assert len(most_covering(rows, 1000)) == len(rows)
    assert most_covering(rows, 0) == []

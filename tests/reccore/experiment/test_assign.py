"""Assignment: the published vectors, an even spread, and seeds that know nothing of each other.

The vectors are facts of GrowthBook's specification 0.5.4: packages/sdk-js/test/cases.json in
github.com/growthbook/growthbook, sections hash, getBucketRange, chooseVariation and inNamespace.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from reccore.errors import UserError
from reccore.experiment.assign import (
    Range,
    assign,
    assign_many,
    bucket,
    bucket_after,
    bucket_many,
    bucket_ranges,
    choose,
    fnv32a,
    in_namespace,
)

HASHES = [  # seed, value, version, bucket
    ("", "a", 1, 0.22),
    ("", "b", 1, 0.077),
    ("b", "a", 1, 0.946),
    ("ef", "d", 1, 0.652),
    ("asdf", "8952klfjas09ujk", 1, 0.549),
    ("", "123", 1, 0.011),
    ("", '___)((*":&', 1, 0.563),
    ("seed", "a", 2, 0.0505),
    ("seed", "b", 2, 0.2696),
    ("foo", "ab", 2, 0.2575),
    ("foo", "def", 2, 0.2019),
    ("89123klj", "8952klfjas09ujkasdf", 2, 0.124),
    ("90850943850283058242805", "123", 2, 0.7516),
    ("()**(%$##$%#$#", '___)((*":&', 2, 0.0128),
]
HALVES = [(0, 0.5), (0.5, 1)]
QUARTERS = [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]
RANGES = [  # variations, coverage, weights, ranges
    (2, 1, None, HALVES),
    (2, 0.5, None, [(0, 0.25), (0.5, 0.75)]),
    (2, 0, None, [(0, 0), (0.5, 0.5)]),
    (4, 1, None, QUARTERS),
    (2, 1, [0.4, 0.6], [(0, 0.4), (0.4, 1)]),
    (3, 1, [0.2, 0.3, 0.5], [(0, 0.2), (0.2, 0.5), (0.5, 1)]),
    (3, 0.2, [0.2, 0.3, 0.5], [(0, 0.04), (0.2, 0.26), (0.5, 0.6)]),
    (2, -0.2, None, [(0, 0), (0.5, 0.5)]),
    (2, 1.5, None, HALVES),
    (2, 1, [0.4, 0.1], HALVES),
    (2, 1, [0.7, 0.6], HALVES),
    (4, 1, [0.4, 0.4, 0.2], QUARTERS),
    (2, 1, [0.4, 0.5999], [(0, 0.4), (0.4, 0.9999)]),
]
REDUCED = [(0, 0.25), (0.5, 0.75)]
CHOICES = [  # bucket, ranges, variation
    (0.2, HALVES, 0),
    (0.4, HALVES, 0),
    (0.6, HALVES, 1),
    (0.8, HALVES, 1),
    (0, HALVES, 0),
    (0.5, HALVES, 1),
    (0.2, REDUCED, 0),
    (0.4, REDUCED, -1),
    (0.6, REDUCED, 1),
    (0.8, REDUCED, -1),
    (0.25, REDUCED, -1),
    (0.5, REDUCED, 1),
    (0.5, [(0, 0.5), (0.5, 0.5), (0.5, 1)], 2),
]
NAMESPACES = [  # user, namespace, whether the user is in its first 40 %
    ("1", "namespace1", False),
    ("1", "namespace2", False),
    ("2", "namespace1", False),
    ("2", "namespace2", False),
    ("3", "namespace1", False),
    ("3", "namespace2", True),
    ("4", "namespace1", False),
    ("4", "namespace2", True),
]
anything = st.text(st.characters(exclude_categories=()), max_size=12)


@pytest.mark.parametrize(
    ("text", "known"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)]
)
def test_fnv_of_its_authors_vectors(text: str, known: int) -> None:
    """http://www.isthe.com/chongo/tech/comp/fnv/, test vectors of FNV-1a, 32 bits."""
    assert fnv32a(text) == known


@pytest.mark.parametrize(("seed", "value", "version", "expected"), HASHES)
def test_published_hashes(seed: str, value: str, version: int, expected: float) -> None:
    assert bucket(seed, value, version) == expected
    assert bucket_many(seed, [value], version).tolist() == [expected]


def test_an_unknown_hash_is_refused() -> None:
    with pytest.raises(UserError, match="hash version 99"):
        bucket("abc", "def", 99)
    with pytest.raises(UserError, match="hash version 99"):
        bucket_many("abc", ["def"], 99)


@pytest.mark.parametrize(("variations", "coverage", "weights", "expected"), RANGES)
def test_published_ranges(
    variations: int, coverage: float, weights: list[float] | None, expected: list[Range]
) -> None:
    found = bucket_ranges(variations, coverage, weights)
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("at", "ranges", "expected"), CHOICES)
def test_published_choices(at: float, ranges: list[Range], expected: int) -> None:
    assert choose(at, ranges) == expected


@pytest.mark.parametrize(("user", "name", "first"), NAMESPACES)
def test_published_namespaces(user: str, name: str, first: bool) -> None:
    assert in_namespace(user, (name, 0, 0.4)) is first
    assert in_namespace(user, (name, 0.4, 1)) is not first


@pytest.mark.parametrize("weights", [[1.2, -0.2], [float("nan"), 1.0], [float("inf"), 0.0]])
def test_weights_that_cannot_be_meant_are_said(
    weights: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    assert bucket_ranges(2, 1, weights) == HALVES
    assert "do not fit 2 variations" in caplog.text


def test_no_variations_and_no_coverage_are_refused() -> None:
    with pytest.raises(UserError, match="0 variations"):
        bucket_ranges(0)
    with pytest.raises(UserError, match="not a number"):
        bucket_ranges(2, float("nan"))


def test_letters_beyond_ascii_are_utf_16_units() -> None:
    """As JavaScript's charCodeAt counts them: é is one unit, an emoji two."""

    def slow(units: list[int]) -> int:
        state = 2166136261
        for unit in units:
            state = (state ^ unit) * 16777619 % 2**32
        return state

    assert fnv32a("é") == slow([0xE9])
    assert fnv32a("a😀") == slow([0x61, 0xD83D, 0xDE00])
    assert fnv32a("\ud83d") == slow([0xD83D])


@given(anything, anything)
def test_hashing_goes_on_where_it_stopped(one: str, two: str) -> None:
    assert fnv32a(two, fnv32a(one)) == fnv32a(one + two) or "\ud800" <= one[-1:] <= "\udbff"
    assert bucket_after(fnv32a(one), two) == bucket(one, two)


@given(anything, st.lists(anything, max_size=8), st.sampled_from([1, 2]))
def test_many_are_each(seed: str, values: list[str], version: int) -> None:
    assert bucket_many(seed, values, version).tolist() == [bucket(seed, v, version) for v in values]
    ranges = bucket_ranges(3, 0.7, [0.2, 0.3, 0.5])
    found = assign_many(seed, values, ranges, version).tolist()
    assert found == [assign(seed, value, ranges, version) for value in values]


@given(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=6), st.floats(0, 1), st.floats(0, 1), anything
)
def test_more_coverage_never_moves_anybody(
    parts: list[float], one: float, two: float, value: str
) -> None:
    weights = [part / sum(parts) for part in parts]
    few, many = sorted((one, two))
    before = assign("seed", value, bucket_ranges(len(weights), few, weights))
    after = assign("seed", value, bucket_ranges(len(weights), many, weights))
    assert before in (-1, after)


USERS = [f"user:{n}" for n in range(40_000)]


@pytest.mark.parametrize("seed", ["a", "b", "0d1f9c5a77e3b248", "shadow:0d1f9c5a77e3b248"])
def test_buckets_are_even(seed: str) -> None:
    counts = np.bincount((bucket_many(seed, USERS) * 50).astype(int), minlength=50)
    expected = len(USERS) / 50
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(0.999, 49)


@pytest.mark.parametrize(
    ("one", "two"), [("a", "b"), ("exp-1", "exp-2"), ("0d1f9c5a", "shadow:0d1f9c5a")]
)
def test_seeds_are_independent(one: str, two: str) -> None:
    """Who falls where by one seed says nothing of where they fall by the other."""
    table = np.zeros((10, 10))
    rows = (bucket_many(one, USERS) * 10).astype(int)
    columns = (bucket_many(two, USERS) * 10).astype(int)
    np.add.at(table, (rows, columns), 1)
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    assert ((table - expected) ** 2 / expected).sum() < chi2.ppf(0.999, 81)

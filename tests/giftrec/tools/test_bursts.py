import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from giftrec.tools.bursts import ALIKE, FEW, bursts, near_duplicates, poisson_tail, same_hand

WORDS = [f"w{n}" for n in range(60)]


@given(st.integers(0, 60), st.floats(1e-6, 80))
def test_the_poisson_tail_is_scipys(least, expected):
    assert poisson_tail(least, expected) == pytest.approx(
        poisson.sf(least - 1, expected), rel=1e-8, abs=1e-14
    )


def test_reviews_spread_by_chance_are_rarely_a_burst():
    draw = np.random.default_rng(0)
    days = [sorted(draw.integers(0, 400, 12).tolist()) for _ in range(2000)]
    assert sum(bool(bursts(some, None)) for some in days) <= 20  # a thousandth, and discreteness


def test_ten_in_a_week_are_a_burst():
    quiet = list(range(0, 400, 40))
    days = sorted([*quiet, *[205] * 9])
    assert [days[place] for place in bursts(days, None)] == [200, *[205] * 9]


def test_what_the_whole_catalogue_does_is_no_burst():
    feast = np.repeat(np.arange(400), np.where(np.abs(np.arange(400) - 203) < 4, 60, 1))
    days = sorted([*range(0, 400, 40), *[202, 203, 203, 204, 204, 205]])
    assert bursts(days, None)
    assert not bursts(days, feast)


def test_too_few_days_to_compare_with():
    assert bursts([5] * 20, None) == ()
    assert bursts([1, 100, 200], None) == ()


def slowly(texts):
    """All pairs, the plain definition."""
    sets = [set(zip(t, t[1:], t[2:], strict=False)) for t in texts]
    alike, kept = [], []
    for n, runs in enumerate(sets):
        if len(texts[n]) < 8:
            continue
        if any(runs | sets[k] and len(runs & sets[k]) / len(runs | sets[k]) >= ALIKE for k in kept):
            alike.append(n)
        else:
            kept.append(n)
    return tuple(alike)


@given(st.data())
def test_near_duplicates_are_those_of_all_pairs(data):
    base = data.draw(
        st.lists(st.lists(st.sampled_from(WORDS), min_size=5, max_size=30), max_size=8)
    )
    texts = []
    for words in base:
        texts.append(words)
        if data.draw(st.booleans()):
            copy = list(words)
            copy[data.draw(st.integers(0, len(copy) - 1))] = "changed"
            texts.append(copy)
    assert near_duplicates(texts) == slowly(texts)
    far = [[f"v{n}", *(f"u{n}{k}" for k in range(9))] for n in range(FEW)]  # makes them many
    assert near_duplicates([*texts, *far]) == slowly(texts)


def test_short_texts_and_common_phrases_are_nobodys_copies():
    assert near_duplicates([["great", "gift"]] * 5) == ()
    long = [f"x{n}" for n in range(20)]
    assert near_duplicates([long, long, ["other", *long[1:]]]) == (1, 2)


def test_the_same_hand():
    assert same_hand(["a", None, "b", "a", None, "a"]) == (3, 5)

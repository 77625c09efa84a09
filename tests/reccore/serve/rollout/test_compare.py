"""Overlap of shadow lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.serve.rollout import Agreement, Compare

lists = st.lists(st.integers(0, 15), unique=True, max_size=12)


@given(st.lists(st.tuples(lists, lists), min_size=1, max_size=5), st.integers(1, 12))
def test_means_of_what_each_pair_shares(pairs: list[tuple[list[int], list[int]]], k: int) -> None:
    compare = Compare(k)
    shares = []
    for ours, theirs in pairs:
        compare.note(ours, theirs)
        whole = max(len(ours[:k]), len(theirs[:k]))
        shares.append(sum(i in theirs[:k] for i in ours[:k]) / whole if whole else 1)
    found = compare.agreement
    assert found.count == len(pairs)
    assert found.overlap == pytest.approx(sum(shares) / len(shares))


def test_the_first_item_and_fewer_items() -> None:
    compare = Compare(k=2)
    assert compare.agreement == Agreement(0, None, None)
    compare.note(["a", "b", "c"], ["a", "c", "b"])
    compare.note(["a", "b"], [])
    assert compare.agreement == Agreement(2, overlap=0.25, same_first=0.5)

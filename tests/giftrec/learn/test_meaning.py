import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftrec.learn.meaning import KINDS, SURE, UNSAID, last_word, preferences

GIFTS = ("a", "b", "c", "d", "e")


def found(said, shown=GIFTS, share=1.0):
    return {(p.better, p.worse): p.weight for p in preferences(shown, said, share)}


def test_what_is_bought_is_preferred_to_everything_else_that_was_shown():
    weights = found({"c": "bought", "a": "up", "e": "down"})
    assert {pair for pair in weights if pair[0] == "c"} == {("c", g) for g in "abde"}
    assert {weights["c", g] for g in "abde"} == {SURE * 2 / 5}


def test_a_thumb_says_less_of_gifts_of_which_nothing_was_said():
    weights = found({"a": "up", "e": "down"})
    assert weights["a", "e"] == SURE * 2 / 5
    assert weights["a", "b"] == weights["b", "e"] == UNSAID * 2 / 5
    assert ("b", "c") not in weights


def test_swap_and_down_are_alike():
    assert ("a", "b") not in found({"a": "swap", "b": "down"})
    assert ("b", "a") not in found({"a": "swap", "b": "down"})


def test_what_is_owned_or_contradicted_is_left_out():
    for left in ("owns", None):
        weights = found({"a": "bought", "b": left})
        assert {gift for pair in weights for gift in pair} == {"a", "c", "d", "e"}
        assert weights["a", "c"] == SURE * 2 / 4


def test_silence_says_nothing():
    assert found({}) == {}
    assert found(dict.fromkeys(GIFTS, "up")) == {}


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        (["up"], "up"),
        (["up", "down"], "down"),
        (["down", "up"], "up"),
        (["bought", "up"], "bought"),
        (["bought", "swap"], "bought"),
        (["down", "bought"], "bought"),
        (["bought", "down"], None),
        (["bought", "down", "bought"], "bought"),
        (["bought", "owns"], "owns"),
        ([], None),
    ],
)
def test_the_last_word_counts_and_a_purchase_outweighs_thumbs(kinds, word):
    assert last_word(kinds) == word


@given(
    st.dictionaries(st.sampled_from(GIFTS), st.sampled_from([*KINDS, None])),
    st.floats(0.01, 1),
)
def test_no_two_gifts_are_compared_both_ways_and_a_slate_weighs_at_most_its_size(said, share):
    weights = found(said, share=share)
    assert not any((worse, better) in weights for better, worse in weights)
    assert all(0 < weight <= 1 for weight in weights.values())
    assert sum(weights.values()) <= share * (len(GIFTS) - 1) + 1e-9

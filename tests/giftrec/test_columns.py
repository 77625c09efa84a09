import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipients import WORDS, budgets, profile, profiles

from giftrec.columns import Columns, incidence, kinds

MANY = st.lists(profiles(), min_size=1, max_size=6)


def in_order(profile):
    """The same recipient with words in the order of the vocabulary."""
    sorted_words = {
        name: tuple(w for w in WORDS.levels(factor) if w in getattr(profile, name))
        for name, factor in (("hobbies", "hobby"), ("preferences", "preference"))
    }
    return profile.model_copy(update=sorted_words)


@given(MANY)
def test_recipients_survive_their_columns(many):
    columns = Columns.of(many, WORDS)
    assert len(columns) == len(many)
    assert columns.profiles(WORDS, "EUR") == [in_order(p) for p in many]


@given(MANY, st.data())
def test_rows_are_taken_in_the_order_asked(many, data):
    rows = data.draw(st.lists(st.integers(0, len(many) - 1), max_size=8))
    taken = Columns.of(many, WORDS).take(np.array(rows, dtype=np.int64))
    assert taken.profiles(WORDS, "EUR") == [in_order(many[r]) for r in rows]


def test_known_columns():
    columns = Columns.of([profile(), profile(age=7, hobbies=(), preferences=())], WORDS)
    assert columns.age.tolist() == [40, 7]
    assert columns.budget.tolist() == [6000, 6000]
    assert columns.days_left.tolist() == [14, 14]
    assert columns.hobbies.shape == (2, len(WORDS.hobbies))
    assert columns.hobbies.sum(axis=1).tolist() == [2, 0]
    assert columns.hobbies[0, WORDS.levels("hobby").index("gardening")] == 1
    assert columns.preferences.sum(axis=1).tolist() == [1, 0]
    assert WORDS.levels("relationship")[columns.relationship[0]] == "friend"
    assert WORDS.levels("occasion")[columns.occasion[1]] == "birthday"
    for name in ("age", "hobbies", "preferences", "budget", "days_left"):
        assert getattr(columns, name).dtype == np.float32
    assert columns.relationship.dtype == columns.occasion.dtype == np.int64


@given(profiles(), st.randoms(use_true_random=False))
def test_sets_have_no_order(some, random):
    hobbies = random.sample(some.hobbies, len(some.hobbies))
    shuffled = some.model_copy(update={"hobbies": tuple(hobbies)})
    both = Columns.of([some, shuffled], WORDS)
    assert both.hobbies[0].tolist() == both.hobbies[1].tolist()


@given(st.lists(budgets(2**24), min_size=1, max_size=5))
def test_budgets_are_kept_to_the_minor_unit(amounts):
    columns = Columns.of([profile(budget=amount) for amount in amounts], WORDS)
    assert columns.budget.astype(int).tolist() == [amount.minor for amount in amounts]


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6), max_size=5))
def test_incidence_is_that_of_a_loop(sets):
    table = incidence(sets, "abcde")
    assert table.shape == (len(sets), 5)
    for row, some in zip(table.tolist(), sets, strict=True):
        assert row == [float(word in some) for word in "abcde"]


def test_words_outside_the_table_are_an_error():
    with pytest.raises(KeyError):
        incidence([("z",)], "abc")


def test_kinds_name_each_words_family():
    assert kinds(["b", "a", "b"], ["a", "b"]).tolist() == [[0, 1], [1, 0], [0, 1]]

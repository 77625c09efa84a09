"""Any recipient of the shipped vocabulary, for property tests."""

from hypothesis import strategies as st

from giftrec.money import Money
from giftrec.schema import Profile
from giftrec.vocabulary import default_vocabulary

WORDS = default_vocabulary()


def some_of(factor, most=6):
    """A few distinct words, in any order."""
    return st.lists(st.sampled_from(WORDS.levels(factor)), unique=True, max_size=most).map(tuple)


def budgets(most=10**7):
    return st.integers(1, most).map(lambda minor: Money(minor=minor, currency="EUR"))


def profiles(most=10**7):
    return st.builds(
        Profile,
        age=st.integers(1, 120),
        hobbies=some_of("hobby"),
        preferences=some_of("preference"),
        relationship=st.sampled_from(WORDS.levels("relationship")),
        occasion=st.sampled_from(WORDS.levels("occasion")),
        budget=budgets(most),
        days_left=st.integers(0, 365),
    )


def profile(**changes):
    """One plain recipient, with changes."""
    plain = {
        "age": 40,
        "hobbies": ("gardening", "reading"),
        "preferences": ("elegant",),
        "relationship": "friend",
        "occasion": "birthday",
        "budget": Money(minor=6000, currency="EUR"),
        "days_left": 14,
    }
    return Profile(**(plain | changes))

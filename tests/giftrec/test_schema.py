import math
from datetime import date

import pytest
from hypothesis import given
from pydantic import ValidationError
from recipients import profile, profiles

from giftrec.money import Money
from giftrec.schema import Gift, Offer, Outcome, Profile, Review, Scenario
from giftrec.vocabulary import default_vocabulary
from reccore.errors import UserError

WORDS = default_vocabulary()


def euros(minor):
    return Money(minor=minor, currency="EUR")


def gift(**changes):
    plain = {"id": "g", "title": "A gift", "category": "books", "price": 1000}
    return Gift(**(plain | changes))


@given(profiles())
def test_profiles_survive_json_and_their_words_are_known(profile):
    assert Profile.model_validate_json(profile.model_dump_json()) == profile
    profile.check(WORDS)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("age", (1, 120)),
        ("days_left", (0, 365)),
        ("budget", (euros(1), euros(10**12))),
        ("hobbies", ((), WORDS.levels("hobby")[:20])),
        ("preferences", ((), WORDS.levels("preference")[:20])),
    ],
)
def test_values_at_their_bounds_are_taken(field, values):
    for value in values:
        assert getattr(profile(**{field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("age", 0, "age"),
        ("age", 121, "age"),
        ("age", 200, "age"),
        ("age", 40.0, "age"),
        ("age", "40", "age"),
        ("age", True, "age"),
        ("days_left", -1, "days_left"),
        ("days_left", 366, "days_left"),
        ("budget", euros(0), "budget 0.00 EUR is not above 0"),
        ("budget", euros(-500), "budget -5.00 EUR is not above 0"),
        ("budget", 6000, "budget"),
        ("hobbies", ("reading", "reading"), "hobbies repeats a word"),
        ("preferences", ("elegant", "useful", "elegant"), "preferences repeats a word"),
        ("hobbies", WORDS.levels("hobby")[:21], "hobbies"),
        ("hobbies", "reading", "hobbies"),
        ("mood", "sad", "mood"),
    ],
)
def test_values_out_of_range_are_refused(field, value, said):
    with pytest.raises(ValidationError) as caught:
        profile(**{field: value})
    assert len(caught.value.errors()) == 1
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hobbies": ("reading", "gardning")}, "profile, hobbies: unknown hobby 'gardning'"),
        ({"preferences": ("elegnt",)}, "profile, preferences: unknown preference 'elegnt'"),
        ({"relationship": "frend"}, "profile, relationship: unknown relationship 'frend'"),
        ({"occasion": "birtday"}, "profile, occasion: unknown occasion 'birtday'"),
    ],
)
def test_unknown_words_of_a_profile_are_named(changes, said):
    with pytest.raises(UserError) as caught:
        profile(**changes).check(WORDS)
    assert said in str(caught.value)
    assert "nearest: " in caught.value.remedy


def test_records_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        profile().age = 41


@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan, math.inf])
def test_satisfaction_is_a_share(value):
    with pytest.raises(ValidationError, match="satisfaction"):
        Outcome(gift="g", satisfaction=value)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "x" * 121},
        {"day": -1},
        {"expected_categories": ("books", "games", "music", "fashion")},
        {"expected_tools": tuple("abcdef")},
        {"outcomes": tuple(Outcome(gift=str(n), satisfaction=0.5) for n in range(11))},
    ],
)
def test_scenarios_out_of_range_are_refused(changes):
    Scenario(id="s", profile=profile())
    with pytest.raises(ValidationError, match=next(iter(changes))):
        Scenario(**({"id": "s", "profile": profile()} | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profile": profile(hobbies=("reeding",))}, "here, hobbies: unknown hobby 'reeding'"),
        ({"expected_categories": ("book",)}, "here, expected_categories: unknown category 'book'"),
        ({"expected_tools": ("oracle",)}, "here, expected_tools: unknown tool 'oracle'"),
    ],
)
def test_unknown_words_of_a_scenario_are_named(changes, said):
    plain = {"expected_categories": ("books",), "expected_tools": ("trend_analyzer",)}
    scenario = Scenario(**({"id": "s", "profile": profile()} | plain | changes))
    with pytest.raises(UserError) as caught:
        scenario.check(WORDS, "here")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"category": "bokks"}, "here, category: unknown category 'bokks' (nearest: books"),
        ({"hobbies": ("reeding",)}, "here: unknown hobby 'reeding' (nearest: reading"),
        ({"preferences": ("elegnt",)}, "here: unknown preference 'elegnt' (nearest: elegant"),
        ({"occasions": ("xmas",)}, "here: unknown occasion 'xmas'"),
        ({"ages": (50, 20)}, "here, ages: [50, 20] end before they begin"),
    ],
)
def test_what_a_gift_says_is_checked(changes, said):
    gift(ages=(20, 20)).check(WORDS, "here")
    with pytest.raises(UserError) as caught:
        gift(**changes).check(WORDS, "here")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("record", "plain", "changes"),
    [
        (Gift, gift().model_dump(), {"price": 0}),
        (Gift, gift().model_dump(), {"price": 9.99}),
        (Gift, gift().model_dump(), {"title": ""}),
        (Gift, gift().model_dump(), {"quality": 1.5}),
        (
            Offer,
            {"gift": "g", "shop": "s", "price": 1, "fees": 0, "stock": 0, "lead_days": 0}
            | {"as_of": date(2026, 1, 1)},
            {"fees": -1},
        ),
        (Review, {"gift": "g", "stars": 1, "text": "", "on": date(2026, 1, 1)}, {"stars": 6}),
        (Review, {"gift": "g", "stars": 1, "text": "", "on": date(2026, 1, 1)}, {"stars": 0}),
    ],
)
def test_the_catalogues_records_are_strict(record, plain, changes):
    record(**plain)
    with pytest.raises(ValidationError, match=next(iter(changes))):
        record(**(plain | changes))

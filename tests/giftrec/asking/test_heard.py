"""Sentences and options as wishes: what was said, what was assumed, what is looked for in words."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftrec.asking import Heard, Options, all_from_sentence, from_sentence, from_words, options_of
from giftrec.money import Money, RateTable
from giftrec.vocabulary import default_vocabulary
from reccore.errors import UserError

ON = date(2026, 11, 21)  # a Saturday
WORDS = default_vocabulary()
SISTER = "my sister turns 30, loves pottery and hiking, about 60 euros, needs it by Friday"


def heard(text: str, **how: object) -> Heard:
    return from_sentence(text, ON, WORDS, **how)  # type: ignore[arg-type]


def asked(**given: object) -> Heard:
    return from_words(options_of(**given), ON, WORDS)


def money(text: str) -> Money:
    return Money.parse(text)


def test_a_sentence_becomes_a_wish() -> None:
    found = heard(SISTER)
    profile = found.wish.profile
    assert (profile.relationship, profile.age, profile.occasion) == ("sibling", 30, "birthday")
    assert profile.hobbies == ("crafts", "hiking")
    assert found.wish.wishes == ("pottery",), "what is only near a hobby is looked for itself"
    assert profile.budget == money("66EUR")
    assert found.wish.at_least is None, "about 60 is no lower bound"
    assert "about 60.00 EUR taken as up to 66.00 EUR" in found.missing
    assert (found.wish.needed_by, found.wish.day) == (date(2026, 11, 27), date(2026, 11, 27))
    assert "pottery taken as crafts" in found.missing
    assert found.parsed is not None
    assert found.parsed.people[0].hobbies[0].start == SISTER.index("pottery")
    assert found.wish.about == "sister turns 30", "the recipient, in the shopper's words"


FREE = {
    "my dad is into beekeeping and falconry, 40 euros": ("beekeeping", "falconry"),
    "she loves axolotls and anything with foxes": ("axolotls", "foxes"),
    "my brother plays the didgeridoo": ("didgeridoo",),
    "hobbies: gardening, falconry and geocaching": ("falconry", "geocaching"),
    "enjoys Dungeons & Dragons": ("Dungeons & Dragons",),
    "she loves to knit sweaters": ("knit sweaters",),
    "crazy about spicy food and kdrama": ("spicy food", "kdrama"),
    "a friend who hikes, zorbs and cooks": ("zorbs",),
    "wants to learn falconry": ("falconry",),
    "enjoys listening to shanties": ("shanties",),
}


@pytest.mark.parametrize("text", list(FREE))
def test_likes_outside_the_vocabulary_are_free_wishes(text: str) -> None:
    found = heard(text)
    assert found.wish.wishes == FREE[text]
    unknown = [said for said in found.missing if said.startswith("not understood")]
    assert not any(like in said for like in FREE[text] for said in unknown)


NO_LIKES = {
    "gift for my mum, 60, blorf xyzzy": "blorf xyzzy",
    "my sister is a nurse in Wuppertal; she loves hiking": "Wuppertal",
    "loves hiking. Wuppertal": "Wuppertal",
}


@pytest.mark.parametrize("text", list(NO_LIKES))
def test_other_words_are_only_said_to_be_unknown(text: str) -> None:
    found = heard(text)
    assert found.wish.wishes == ()
    assert NO_LIKES[text] in " ".join(m for m in found.missing if m.startswith("not understood"))


def test_what_is_not_wanted_is_never_a_like() -> None:
    found = heard(
        "hates coffee and zithers, no books or falconry, but loves sousaphones, has a tent"
    )
    assert found.wish.wishes == ("sousaphones",)
    assert {"coffee", "zithers", "books", "falconry"} <= set(found.wish.excluded)


def test_excluded_and_owned_words_and_a_lower_end() -> None:
    found = heard("for my boss, 25-40 EUR, no books, already has a tent")
    assert (found.wish.excluded, found.wish.owned) == (("books",), ("tent",))
    assert (found.wish.at_least, found.wish.profile.budget) == (money("25EUR"), money("40EUR"))
    least = heard("for my boss, at least 30 euros")
    assert (least.wish.at_least, least.wish.profile.budget) == (money("30EUR"), money("60EUR"))
    assert any("twice the least" in said for said in least.missing)


def test_each_person_gets_a_wish() -> None:
    text = (
        "for a kid obsessed with dinosaurs, 7 years old, "
        "and my sister who is crazy about otters, 20 euro each"
    )
    kid, sister = all_from_sentence(text, ON, WORDS)
    assert (kid.person, sister.person) == (0, 1)
    assert (kid.wish.wishes, sister.wish.wishes) == (("dinosaurs",), ("otters",))
    assert kid.wish.profile.budget == sister.wish.profile.budget == money("20EUR")
    assert heard(text, person=1) == sister
    with pytest.raises(UserError, match="person 2 of a sentence about 2"):
        heard(text, person=2)
    both = all_from_sentence("My mum and my dad both love ornithology, 50 each", ON, WORDS)
    assert [one.wish.wishes for one in both] == [("ornithology",)] * 2


def test_what_was_not_said_is_assumed_and_said() -> None:
    found = heard("something nice")
    assert found.wish.profile.budget == money("50EUR")
    for what in ("age", "relationship", "occasion", "budget", "day"):
        assert any(said.startswith(f"no {what} was said") for said in found.missing), what


def test_the_shoppers_money() -> None:
    assert heard("my mum, up to 40", currency="GBP").wish.profile.budget == money("40GBP")
    assert heard("my mum", currency="GBP").wish.profile.budget == money("50GBP")
    assert heard("my mum", currency="JPY").wish.profile.budget == money("5000JPY")
    rates = RateTable(on=ON, base="EUR", rates={"USD": 0.9})
    assert heard("my mum, 50 dollars", rates=rates).wish.profile.budget == money("45EUR")


def test_changes_stand_instead_of_what_was_said() -> None:
    changes = options_of(
        age=31, hobbies=["fishing", "falconry"], budget=money("20EUR"), excluded=[], count=3
    )
    found = heard(SISTER + ", no mugs", changes=changes)
    profile = found.wish.profile
    assert (profile.age, profile.hobbies, profile.budget) == (31, ("fishing",), money("20EUR"))
    assert profile.relationship == "sibling"
    assert found.wish.excluded == ()
    assert "falconry" in found.wish.wishes
    assert found.wish.count == 3
    assert not any("age" in said for said in found.missing)


def test_options_alone() -> None:
    found = asked(
        age=52,
        hobbies=["jogging", "gardning", "pottery", "falconry"],
        preferences=["cosy", "glow in the dark"],
        relationship="mum",
        occasion="christmas",
        budget=money("30EUR"),
        at_least=money("10EUR"),
        needed_by=date(2026, 12, 1),
        owned=["tent"],
        excluded=["books"],
        not_these=["a-mug"],
        like="a-vase",
    )
    wish = found.wish
    assert wish.profile.hobbies == ("running", "gardening", "crafts")
    assert wish.profile.preferences == ("cosy",)
    assert wish.profile.relationship == "mother"
    assert wish.wishes == ("pottery", "falconry", "glow in the dark")
    assert (wish.owned, wish.excluded) == (("tent",), ("books",))
    assert (wish.not_these, wish.like) == (("a-mug",), "a-vase")
    assert (wish.day, wish.at_least) == (date(2026, 12, 1), money("10EUR"))
    assert found.missing == ("gardning taken as gardening", "pottery taken as crafts")
    assert found.parsed is None


def test_days_left_are_days_from_today() -> None:
    assert asked(days_left=3).wish.day == ON + timedelta(days=3)
    assert asked(days_left=3, needed_by=date(2026, 12, 1)).wish.day == date(2026, 12, 1)


STRICT = {
    "pottery": ({"hobbies": ["pottery"]}, "hobby 'pottery' is not known (nearest: crafts"),
    "mum": ({"relationship": "mum"}, "relationship 'mum' is not known (nearest: mother)"),
    "birthdy": ({"occasion": "birthdy"}, "occasion 'birthdy' is not known (nearest: birthday)"),
    "cozy": ({"preferences": ["cozy"]}, "preference 'cozy' is not known (nearest: cosy"),
}


@pytest.mark.parametrize("case", list(STRICT))
def test_strict_words_are_the_vocabularys_own(case: str) -> None:
    given_, expected = STRICT[case]
    with pytest.raises(UserError) as refused:
        from_words(options_of(**given_), ON, WORDS, free=False)
    assert expected in str(refused.value)
    own = from_words(options_of(hobbies=["Interior Design"]), ON, WORDS, free=False)
    assert own.wish.profile.hobbies == ("interior_design",)


WRONG = {
    "relationship": ({"relationship": "wizard"}, ["'wizard' is not known", "known: partner"]),
    "occasion": ({"occasion": "festival"}, ["'festival' is not known", "known: birthday"]),
    "age": ({"age": 200}, ["age 200", "less than or equal to 120"]),
    "age as text": ({"age": "thirty"}, ["age 'thirty'", "valid integer"]),
    "days": ({"days_left": -1}, ["days_left -1", "greater than or equal to 0"]),
    "budget": ({"budget": money("0EUR")}, ["budget", "0.00 EUR", "not above 0"]),
    "least": (
        {"budget": money("20EUR"), "at_least": money("30EUR")},
        ["30.00 EUR is above the budget of 20.00 EUR"],
    ),
    "past": ({"needed_by": date(2026, 11, 20)}, ["2026-11-20 is before 2026-11-21"]),
    "far": ({"needed_by": date(2028, 1, 1)}, ["more than a year"]),
    "count": ({"count": 0}, ["count 0"]),
    "unheard of": ({"mood": "good"}, ["mood", "not permitted"]),
    "long": ({"wishes": ["x" * 201]}, ["wishes.0", "at most 200"]),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_what_is_wrong_is_named(case: str) -> None:
    given_, expected = WRONG[case]
    with pytest.raises(UserError) as refused:
        asked(**given_)
    for words in expected:
        assert words in str(refused.value)


def test_nothing_said_is_refused() -> None:
    for text in ("", " \n\t"):
        with pytest.raises(UserError, match="the sentence is empty"):
            heard(text)
    with pytest.raises(UserError, match="at most 10,000"):
        heard("x" * 10_001)


def test_a_day_gone_by_is_today_and_said() -> None:
    found = heard("my mum, 40 euros, by 1 November 2026")
    assert found.wish.day >= ON
    far = heard("my mum, 40 euros, by 2029-01-01")
    assert far.wish.day == ON + timedelta(days=365)
    assert any("more than a year away" in said for said in far.missing)


SAID = (
    "my sister mum loves hates no already has axolotls & , . : ; 30 60 euros $ by friday turns"
    " pottery and or 'x' anything with <b> -1 0 999999999999 both they books years old"
)
PIECES = st.sampled_from([*SAID.split(), "\n"])


@given(st.lists(PIECES, max_size=40).map(" ".join) | st.text(max_size=200))
def test_no_sentence_breaks_it(text: str) -> None:
    try:
        some = all_from_sentence(text, ON, WORDS)
    except UserError:
        return
    for one in some:
        one.wish.profile.check(WORDS)
        assert one.wish.day >= ON
        assert not set(one.wish.wishes) & set(one.wish.excluded)


def test_a_long_text_is_read_in_good_time() -> None:
    """Every word unknown and in one list of likes: the worst case."""
    text = "she loves " + " and ".join(f"zorb{'abcdefghij'[n % 10]}{n}x" for n in range(700))
    found = heard(text[:10_000])
    assert len(found.wish.wishes) <= 20


def test_the_same_options_twice_are_the_same() -> None:
    assert Options() == options_of()
    assert asked(age=3) == asked(age=3)

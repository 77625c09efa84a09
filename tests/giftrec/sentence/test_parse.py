"""The parser on what it must be able to read, and on what nobody should send it."""

import json
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.gift_sentences import TODAY, score, sentences
from giftrec.money import Money, RateTable
from giftrec.sentence import LONGEST, Ages, Defaults, Parsed, Slot, parse
from giftrec.vocabulary import default_vocabulary, load_vocabulary
from reccore.config import dump_toml, to_tree
from reccore.errors import UserError

WORDS = default_vocabulary()
# After mending, so no longer held out; what was measured first is in docs/sentence.md.
HELD_OUT = {"filled": 0.9908, "all": 0.9956}
FRESH = {"filled": 0.9468, "all": 0.9746}  # at first look
SETS = ("development", "held_out", "fresh")
FOLDER = Path(__file__).parent


def said(text: str, **more: object) -> Parsed:
    return parse(text, TODAY, WORDS, **more)  # type: ignore[arg-type]


def every_slot(parsed: Parsed) -> list[Slot[object]]:
    return [
        slot
        for p in parsed.people
        for slot in (
            p.relationship, p.age, p.occasion, p.budget, p.needed_by,
            *p.hobbies, *p.preferences, *p.excluded, *p.owned,
        )
        if slot is not None
    ]  # fmt: skip


def test_the_sentence_of_the_readme():
    text = "my sister turns 30, loves pottery and hiking, about 60 euros, needs it by Friday"
    parsed = said(text)
    (person,) = parsed.people
    assert person.relationship.value == "sibling"
    assert text[person.relationship.start : person.relationship.end] == "sister"
    assert person.age.value == Ages(low=30, high=30)
    assert person.occasion.value == "birthday"
    assert [slot.value for slot in person.hobbies] == ["crafts", "hiking"]
    assert text[person.hobbies[0].start : person.hobbies[0].end] == "pottery"
    budget = person.budget.value
    assert (budget.way, budget.said) == ("about", (Money(minor=6000, currency="EUR"),))
    assert (budget.low.minor, budget.high.minor) == (4800, 6600)
    assert person.needed_by.value == date(2026, 11, 20)
    assert parsed.unknown == ()
    assert "pottery taken as crafts" in parsed.assumed


def test_the_development_sentences():
    figures = score(sentences("development"))
    assert figures["misses"] == []


def test_the_held_out_sentences_do_not_fall_below_the_record():
    figures = score(sentences("held_out"))
    assert figures["sentences"] == 500
    assert figures["filled"] >= HELD_OUT["filled"]
    assert figures["all"] >= HELD_OUT["all"]


def test_the_fresh_sentences_do_not_fall_below_the_record():
    figures = score(sentences("fresh"))
    assert figures["filled"] >= FRESH["filled"]
    assert figures["all"] >= FRESH["all"]


def test_no_two_sets_share_a_sentence():
    texts = [row["text"] for name in SETS for row in sentences(name)]
    assert len(set(texts)) == len(texts) > 750


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("up to 1.200,50 EUR", None, "1200.50 EUR"),
        ("no more than 1,200.50 EUR", None, "1200.50 EUR"),
        ("under $100", None, "100.00 USD"),
        ("between 50 and 80 dollars", "50.00 USD", "80.00 USD"),
        ("£25-40", "25.00 GBP", "40.00 GBP"),
        ("5k yen", None, "5000 JPY"),
        ("60€", None, "60.00 EUR"),
        ("around fifty quid", "40.00 GBP", "55.00 GBP"),
        ("at least two hundred and fifty euros", "250.00 EUR", "None"),
        ("CHF 1'200", None, "1200.00 CHF"),
    ],
)
def test_sums(text, low, high):
    budget = said(f"my friend, {text}").people[0].budget.value
    assert (str(budget.low), str(budget.high)) == (str(low), high)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("by Friday", (2026, 11, 20)),
        ("next Friday", (2026, 11, 27)),
        ("on 3 December", (2026, 12, 3)),
        ("12/24", (2026, 12, 24)),
        ("24/12", (2026, 12, 24)),
        ("in two weeks", (2026, 12, 2)),
        ("tomorrow", (2026, 11, 19)),
        ("the day after tomorrow", (2026, 11, 20)),
        ("before Christmas", (2026, 12, 24)),
        ("end of the month", (2026, 11, 30)),
        ("on 29 February", (2028, 2, 29)),
        ("by 1 November", (2027, 11, 1)),
        ("2026-12-03", (2026, 12, 3)),
    ],
)
def test_days(text, day):
    assert said(f"gift for my dad, {text}").people[0].needed_by.value == date(*day)


@pytest.mark.parametrize("word", ["riding", "swine", "heading", "tents", "coffins", "hunting"])
def test_an_english_word_is_no_typo_of_a_hobby(word):
    assert said(f"she likes {word}").people[0].hobbies == ()


def test_a_typo_is_read_and_said():
    (hobby,) = said("she loves gardning").people[0].hobbies
    assert hobby.value == "gardening"
    assert "'gardning' read as 'gardening'" in hobby.note
    assert hobby.confidence < said("she loves gardening").people[0].hobbies[0].confidence


def test_what_is_not_understood_is_said():
    assert said("my dad likes falconry and wine").unknown == ("falconry",)
    assert "no currency was said: EUR taken" in said("my dad, budget 40").assumed


def test_a_shoppers_currency_by_dated_rates():
    rates = RateTable(on=date(2026, 11, 17), base="EUR", rates={"JPY": 0.006})
    parsed = said("my dad, 5000 yen", rates=rates)
    budget = parsed.people[0].budget.value
    assert str(budget.high) == "30.00 EUR"
    assert str(budget.said[0]) == "5000 JPY"
    assert any("5000 JPY taken as 30.00 EUR" in words for words in parsed.assumed)
    kept = said("my dad, 50 dollars", rates=rates)
    assert str(kept.people[0].budget.value.high) == "50.00 USD"
    assert any("no exchange rate for USD" in words for words in kept.assumed)


def test_a_profile_says_what_was_missing():
    draft = said("my sister in her sixties").people[0].to_profile(TODAY)
    draft.profile.check(WORDS)
    assert draft.profile.age == 64
    assert any(words.startswith("no budget was said") for words in draft.missing)
    assert any(words.startswith("no occasion was said") for words in draft.missing)
    christmas = said("my sister, Christmas, 50 euros").people[0].to_profile(TODAY)
    assert christmas.profile.days_left == 37
    ample = said("my sister, at least 50 euros").people[0]
    assert ample.to_profile(TODAY, Defaults(age=20)).profile.budget.minor == 10_000


def test_another_vocabulary(tmp_path):
    tree = to_tree(WORDS)
    tree["hobby_categories"]["outdoors"] = ["falconry", "hiking"]
    path = tmp_path / "words.toml"
    path.write_text(dump_toml(tree))
    other = load_vocabulary(path)
    parsed = parse("my dad likes falconry, hiking and gardening", TODAY, other)
    assert [slot.value for slot in parsed.people[0].hobbies] == ["falconry", "hiking"]
    assert "gardening" in parsed.unknown


def test_empty_and_too_long():
    for text in ("", "   ", "\n", "!!!", "🦄"):
        assert len(said(text).people) == 1
        assert every_slot(said(text)) == []
    with pytest.raises(UserError, match=r"10,001 characters .*at most 10,000"):
        said("a" * (LONGEST + 1))


@pytest.mark.parametrize(
    "piece",
    ["no ", "by the ", "hates tea, ", "my mum and my other dad ", "12 ", "5-", "is set at ", "his ",
     "between 5 and ", "gardning ", "already ", "🎂", "1", "'", "in the early mid ", "not like ",
     "about about ", "for my ", "a ", "thirty "],
)  # fmt: skip
def test_time_grows_with_the_length_only(piece):
    said("warm up")

    def seconds(length: int) -> float:
        text = (piece * length)[:length]
        begun = time.process_time()
        said(text)
        return time.process_time() - begun

    short = min(seconds(2_500) for _ in range(3))
    whole = min(seconds(10_000) for _ in range(3))
    assert whole < 4 * 3 * short + 0.2  # four times the text; squares would be sixteen times


PIECES = st.one_of(
    st.sampled_from(
        ["my sister", "and my dad", "hates", "no", "already has", "€", "60", "-", "by", "Friday",
         "turns", "in her", "60s", "'s", "between", ",", ".", "12/24", "31.11.", "5k", "²", "٣",
         "İ", "ﬁ", "<b>", "';--", "🎂", "\x00", "born in", "1900", "before", "Christmas", "each",
         "0", "29 February", "99999999999999999999", "years old", "in total", "a hundred"]
    ),
    st.text(max_size=8),
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(PIECES, max_size=25).map(" ".join),
    st.dates(date(1900, 1, 1), date(9998, 12, 31)),
)
def test_any_text_is_read_with_sound_spans_and_the_same_each_time(text, today):
    parsed = parse(text, today, WORDS)
    assert parsed == parse(text, today, WORDS)
    for slot in every_slot(parsed):
        assert 0 <= slot.start < slot.end <= len(text)
    for person in parsed.people:
        person.to_profile(today).profile.check(WORDS)
    assert Parsed.model_validate_json(parsed.model_dump_json()) == parsed


RELATIONS = {"mum": "mother", "brother": "sibling", "boss": "boss", "better half": "partner"}
HOBBIES = {"gardening": "gardening", "to bake": "baking", "rock climbing": "hiking"}
CURRENCIES = {"euros": "EUR", "pounds": "GBP", "dollars": "USD"}


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(RELATIONS)),
    st.integers(18, 99),
    st.sampled_from(sorted(HOBBIES)),
    st.sampled_from(["candles", "perfume", "socks"]),
    st.integers(5, 900),
    st.sampled_from(sorted(CURRENCIES)),
    st.integers(1, 300),
    st.booleans(),
)
def test_what_is_written_by_a_template_is_read_back(
    relation, age, hobby, unwanted, amount, currency, days, shout
):
    day = TODAY + timedelta(days=days)
    text = (
        f"My {relation} turns {age} and likes {hobby}, but no {unwanted}. "
        f"Under {amount} {currency}, by {day.isoformat()}."
    )
    (person,) = said(text.upper() if shout else text).people
    assert person.relationship.value == RELATIONS[relation]
    assert person.age.value == Ages(low=age, high=age)
    assert [slot.value for slot in person.hobbies] == [HOBBIES[hobby]]
    assert [slot.value for slot in person.excluded] == [unwanted]
    assert person.occasion.value == "birthday"
    assert person.budget.value.high == Money(minor=amount * 100, currency=CURRENCIES[currency])
    assert person.needed_by.value == day


def test_labels_are_words_of_the_vocabulary():
    for name in SETS:
        for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            for person in json.loads(line)["people"]:
                for factor, slot in (("hobby", "hobbies"), ("preference", "preferences")):
                    for word in person.get(slot, ()):
                        WORDS.require(factor, word, line)
                for factor in ("relationship", "occasion"):
                    if factor in person:
                        WORDS.require(factor, person[factor], line)

"""Languages: each says everything, and the agent's sentences in its own words."""

import re
import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shopfront import TODAY

from giftrec.money import Money
from giftrec.sentence import parse
from giftrec.vocabulary import default_vocabulary
from giftrec.web.routes import FOLDER
from giftrec.web.words import LANGUAGES, TERMS, Said, preferred, words_of

EN, DE = words_of("en"), words_of("de")
USED = re.compile(r"\b(?:t|words)\(\s*['\"]([a-z_]+(?:\.[a-z_]+)*)['\"]")
FACTORS = ("hobby", "preference", "relationship", "occasion", "category", "tool")


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_says_the_same_things() -> None:
    for language in LANGUAGES:
        words = words_of(language)
        assert words.keys == EN.keys
        for key in EN.keys:
            assert names(words._texts[key]) == names(EN._texts[key]), key
            assert words._texts[key].strip()


def test_every_term_of_the_vocabulary_is_translated() -> None:
    known = default_vocabulary()
    for factor in FACTORS:
        missing = [word for word in known.levels(factor) if not DE.knows(factor, word)]
        assert missing == [], factor
    for factor, groups in (
        ("hobby_group", known.hobby_categories),
        ("preference_group", known.preference_types),
    ):
        assert all(DE.knows(factor, name) and EN.knows(factor, name) for name in groups)
    for word in known.relationships:
        assert DE.relation(word) != DE.term("relationship", word)


def test_every_key_that_templates_and_code_use_is_there() -> None:
    files = [*(FOLDER / "templates").iterdir(), *FOLDER.glob("*.py")]
    used = {
        key
        for file in files
        for key in re.findall(
            r"\b(?:t|words)\(\s*['\"]([a-z_]+(?:\.[a-z_]+)*)['\"]", file.read_text()
        )
    }
    assert len(used) > 60
    for key in used:
        assert key in EN.keys or {f"{key}.one", f"{key}.other"} & EN.keys, key


def test_every_key_is_used() -> None:
    code = "".join(
        file.read_text() for file in [*(FOLDER / "templates").iterdir(), *FOLDER.glob("*.py")]
    )
    made = ("slot.", "card.", "away.", "tool.", "assumed.", "fault.", "stock.")
    for key in EN.keys:
        stem = re.sub(r"\.(one|other)$", "", key)
        assert stem in code or stem.startswith(made), key


SENTENCES = """
for hiking | made for hiking | gemacht für: Wandern
close to “pottery” | close to “pottery” | nah an „pottery“
suits a sibling | right for a sister or brother | richtig für: Schwester oder Bruder
in stock, there by 2026-11-24 | in stock, there by Tue 24 Nov | vorrätig, da bis Di, 24. November
rated 4.4 of 5 (5 reviews) | rated 4.4 of 5 | mit 4,4 von 5 bewertet
58.17 EUR today, 7% below its usual price | €58.17 today, 7% below its usual price \
| heute 58,17 €, 7 % unter dem üblichen Preis
more in demand every week: +7.6% | more in demand every week: +7.6% \
| jede Woche mehr gefragt: +7,6 %
pottery taken as crafts | pottery taken as crafts \
| „pottery“ verstanden als „Basteln und Handwerken“
only 2 gifts of 5 may be shown | Only 2 of 5 gifts fit all of the wish. \
| Nur 2 von 5 Geschenken passen zum ganzen Wunsch.
prices not checked now (price_comparison: timeout): as of 2026-11-21 \
| Prices could not be checked live; they are of Sat 21 Nov. \
| Preise ließen sich nicht live prüfen; sie sind vom Sa, 21. November.
inventory_check: timeout (no answer in time) | Checking stock and delivery: no answer in time. \
| Vorrat und Lieferung prüfen: keine Antwort in der Zeit.
"""


@pytest.mark.parametrize("line", SENTENCES.strip().splitlines())
def test_the_agents_sentences(line: str) -> None:
    said, english, german = (part.strip() for part in line.split("|"))
    assert EN.said(said) == Said(english)
    assert DE.said(said) == Said(german)


def test_what_is_not_known_stays_english_and_says_so() -> None:
    assert DE.said("a sentence of tomorrow") == Said("a sentence of tomorrow", "en")
    assert EN.said("a sentence of tomorrow") == Said("a sentence of tomorrow")


@given(st.text(max_size=200))
def test_any_sentence_is_said(text: str) -> None:
    for words in (EN, DE):
        assert isinstance(words.said(text), Said)
        words.said(f"for {text}")
        words.said(f"{text} taken as {text}")


def test_what_the_parser_assumes_is_said_in_german() -> None:
    parsed = parse("my sister turns 30, loves pottery, about 60 euros", TODAY, default_vocabulary())
    missing = parsed.people[0].to_profile(TODAY).missing
    assert missing
    assert all(DE.said(one).lang is None for one in (*parsed.assumed, *missing))


def test_money_numbers_and_days() -> None:
    amount = Money(minor=123456, currency="EUR")
    assert (EN.money(amount), DE.money(amount)) == ("€1,234.56", "1.234,56 €")
    assert EN.money(Money(minor=6000, currency="EUR"), short=True) == "€60"
    assert EN.money(Money(minor=6000, currency="EUR")) == "€60.00"
    assert EN.money(Money(minor=500, currency="JPY")) == "500 JPY"
    assert EN.money(Money(minor=1, currency="KWD")) == "0.001 KWD"
    assert EN.day(date(2026, 11, 27)) == "Fri 27 Nov"
    assert DE.day(date(2026, 11, 27), year=True) == "27. November 2026"
    assert EN("reviews.count", n=1) == "1 review"
    assert set(TERMS) <= {*FACTORS, "aspect"}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr,de;q=0.5,en;q=0.4", "de"),
        ("en-GB,de;q=0.9", "en"),
        ("de;q=0", "en"),
        ("de;q=much,en;q=0.1", "en"),
        ("*", "en"),
        ("\0;;;,,,q=", "en"),
        ("de" * 5000, "en"),
    ],
)
def test_the_browsers_language(header: str, language: str) -> None:
    assert preferred(header) == language

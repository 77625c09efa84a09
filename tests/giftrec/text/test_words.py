"""Folding, stems and n-grams: bounded, and the same for the same word however it is written."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftrec.text.words import LONGEST_TEXT, LONGEST_WORD, bucket, grams, stem, words

ANY = st.text(max_size=200)


@pytest.mark.parametrize(
    "family",
    [
        ["hike", "hikes", "hiker", "hikers", "hiked", "hiking"],
        ["run", "runs", "runner", "running"],
        ["bake", "baking", "baker", "bakers"],
        ["garden", "gardens", "gardening", "gardener"],
        ["cycle", "cycling", "cycles"],
        ["mother", "mother's", "mothers"],
        ["candle", "candles"],
        ["berry", "berries"],
    ],
)
def test_forms_of_a_word_have_one_stem(family: list[str]) -> None:
    assert len({stem(word) for word in family}) == 1


@pytest.mark.parametrize("pair", [("wine", "winner"), ("ring", "red"), ("glass", "glaze")])
def test_other_words_keep_other_stems(pair: tuple[str, str]) -> None:
    assert stem(pair[0]) != stem(pair[1])


def test_case_accents_and_width_are_folded() -> None:
    assert words("CAFÉ Ｃａｆｅ́ ﬁne") == words("cafe cafe fine")


def test_markup_and_code_are_only_words() -> None:
    assert words("<script>alert('x')</script>") == ["script", "alert", "x", "script"]
    assert "drop" in words("'; DROP TABLE gifts; --")


def test_scripts_without_spaces_are_read() -> None:
    assert words("茶碗") == ["茶碗"]
    assert words("Чайник") == ["чаиник"]


@given(ANY)
def test_words_do_not_depend_on_case_or_composition(text: str) -> None:
    assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))
    assert all(0 < len(word) <= LONGEST_WORD for word in words(text))


@given(st.text(alphabet="abcdefghij ", max_size=60))
def test_upper_case_changes_nothing(text: str) -> None:
    assert words(text.upper()) == words(text)


@given(st.text(min_size=1, max_size=LONGEST_WORD))
def test_grams_are_distinct_and_bounded(word: str) -> None:
    found = grams(word)
    assert found
    assert len(found) == len(set(found)) <= 2 * (LONGEST_WORD + 2)
    assert all(0 <= bucket(gram, 7) < 7 for gram in found)


def test_an_endless_text_is_read_in_part() -> None:
    assert len(words("ab " * 10**6)) <= LONGEST_TEXT // 3 + 1
    assert words("x" * 10**6) == ["x" * LONGEST_WORD]

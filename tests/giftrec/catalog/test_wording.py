"""Terms of imported gifts, by word rules, against a slow reading."""

from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from giftrec.catalog.search import question_words
from giftrec.catalog.wording import ENOUGH, PLACES, _written, found_terms, rules_of, worded
from giftrec.vocabulary import default_vocabulary

VOCABULARY = default_vocabulary()


def gifts(*texts: tuple[str, str, str], **more: list[object]) -> pl.DataFrame:
    frame = pl.DataFrame(texts, schema=["title", "shelf", "description"], orient="row")
    words = pl.lit([], dtype=pl.List(pl.String))
    return frame.with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("number"),
        pl.lit(None, dtype=pl.String).alias("category"),
        *[words.alias(c) for c in ("hobbies", "preferences", "occasions")],
    ).with_columns(**{k: pl.Series(v) for k, v in more.items()})


def test_words_of_titles_and_shelves_decide() -> None:
    found, counts = worded(
        gifts(
            ("Watercolour paints", "", ""),
            ("Set of two", "Gardening > Tools", ""),
            ("Set of two", "", "Beside a teapot"),
            ("Zzz", "", ""),
        ),
        VOCABULARY,
        "games",
    )
    assert found["hobbies"].to_list() == [["painting"], ["gardening"], [], []]
    assert found["category"].to_list() == ["art_craft", "outdoor", "games", "games"]
    assert counts["default category"] == 2
    assert counts["hobby"] == 2


def test_what_a_gift_has_is_kept() -> None:
    found, _ = worded(
        gifts(("Garden gnome", "", ""), hobbies=[["music"]], category=["books"]), VOCABULARY, None
    )
    assert found["hobbies"].to_list() == [["music"]]
    assert found["category"].to_list() == ["books"]


def test_unplaced_gifts_have_no_category_without_a_default() -> None:
    found, _ = worded(gifts(("Zzz", "", "")), VOCABULARY, None)
    assert found["category"].to_list() == [None]


def test_every_rule_is_of_a_known_term_and_folded() -> None:
    for factor, terms in _written().items():
        assert terms.keys() <= set(VOCABULARY.levels(factor)), factor
    for words in rules_of(VOCABULARY)["words"].to_list():
        assert 1 <= len(words.split()) <= 2
        assert question_words(words) == tuple(dict.fromkeys(words.split()))


text = st.lists(
    st.sampled_from(
        ["garden", "Books", "board", "game", "games", "tea", "hot", "water", "x", "piano"]
    ),
    max_size=5,
).map(" ".join)


@settings(max_examples=50)
@given(rows=st.lists(st.tuples(text, text, text), min_size=1, max_size=4))
def test_the_same_as_the_slow_reading(rows: list[tuple[str, str, str]]) -> None:
    found = found_terms(gifts(*rows), VOCABULARY)
    weights: dict[tuple[int, str, str], int] = {}
    for number, texts in enumerate(rows):
        for written, usual in zip(texts, PLACES.values(), strict=True):
            tokens = [next(iter(question_words(word)), "") for word in written.split()]
            pairs = {" ".join(pair) for pair in pairwise(tokens)}
            for words, factor, term, own in rules_of(VOCABULARY).rows():
                weight = max(usual, ENOUGH) if own else usual
                if words in tokens or words in pairs:
                    key = (number, factor, term)
                    weights[key] = weights.get(key, 0) + weight
    wanted = {key: weight for key, weight in weights.items() if weight >= ENOUGH}
    assert {tuple(row[:3]): row[3] for row in found.rows()} == wanted

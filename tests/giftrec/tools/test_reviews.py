from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf import TODAY, Shelf

from giftrec.tools.feelings import judged, lexicon, parts_of, words_of
from giftrec.tools.reviews import ReviewRequest, review_analysis


def analyze(shelf, on=TODAY, gifts=("a",)):
    return review_analysis(ReviewRequest(gifts=gifts, on=on), shelf.provider())


def said(*texts, stars=5) -> Shelf:
    shelf = Shelf().gift("a")
    for back, text in enumerate(texts):
        shelf.review("a", stars, text, TODAY - timedelta(days=40 * back))
    return shelf


def aspect(gift, name):
    return next(found for found in gift.aspects if found.name == name)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("it is good", "it is not good"),
        ("it is very good", "it is good"),
        ("no problem at all", "a problem"),
        ("it is not bad", "it is bad"),
        ("I love it", "I like it"),
        ("not disappointed", "disappointed"),
        ("nothing broke", "it broke"),
    ],
)
def test_feelings(better, worse):
    (_, good), (_, bad) = (judged(words_of(text), lexicon()) for text in (better, worse))
    assert good > bad


def test_a_sentence_that_turns_speaks_for_its_halves():
    parts = parts_of("The quality is great but the delivery was late. Fine.")
    assert [part.aspects for part in parts] == [("quality",), ("delivery",), ()]
    assert parts[0].feeling > 0 > parts[1].feeling


@given(st.text(max_size=400))
def test_any_text_is_read(text):
    for part in parts_of(text):
        assert -1 <= part.feeling <= 1
    gift = analyze(said(text)).gifts[0]
    assert gift.count == 1


def test_aspects_count_reviews_for_and_against():
    gift = analyze(
        said(
            "The quality is excellent. Delivery was terrible.",
            "Poor quality. Great birthday present!",
            "Excellent quality, excellent material.",
        )
    ).gifts[0]
    quality = aspect(gift, "quality")
    assert (quality.mentions, quality.good, quality.bad) == (3, 2, 1)
    assert (aspect(gift, "delivery").good, aspect(gift, "delivery").bad) == (0, 1)
    assert aspect(gift, "gift_worthiness").quote == "Great birthday present!"


def test_counts_by_star_and_a_rating_drawn_to_the_prior():
    shelf = Shelf().gift("a")
    for stars in (5, 5, 1, None):
        shelf.review("a", stars, None)
    result = analyze(shelf)
    gift = result.gifts[0]
    assert (gift.count, gift.stars, gift.mean) == (4, (1, 0, 0, 0, 2), 3.667)
    assert gift.mean < gift.rating < result.catalogue_mean == 3.9
    assert result.words == ("the prior is assumed: no catalogue to learn it from",)
    assert (result.rows, result.as_of) == (4, TODAY)


def test_without_stars_the_words_rate_and_it_is_said():
    good = analyze(said("I love it, it is perfect and wonderful", stars=None)).gifts[0]
    bad = analyze(said("Terrible, it broke, an awful waste of money", stars=None)).gifts[0]
    assert good.rating > bad.rating
    assert good.words == ("no stars given: rated by what the words say",)
    assert (good.positive, bad.positive) == (1.0, 0.0)


def test_words_at_odds_with_their_stars_are_counted():
    shelf = said("I love it, perfect, wonderful, excellent", stars=1)
    shelf.review("a", 5, "Terrible. It broke. Awful waste.", TODAY - timedelta(days=90))
    shelf.review("a", 5, "I love it", TODAY - timedelta(days=200))
    assert analyze(shelf).gifts[0].contradicting == 2


def test_a_planted_burst_is_named_and_the_rating_without_it_is_lower():
    shelf = Shelf().gift("a")
    for back in range(10):
        shelf.review("a", 2, f"number {back}", TODAY - timedelta(days=30 * back + 30), f"r{back}")
    for n in range(10):
        shelf.review("a", 5, None, TODAY - timedelta(days=100), f"s{n}")
    gift = analyze(shelf).gifts[0]
    assert [(s.kind, s.reviews) for s in gift.suspicions] == [("burst", 10)]
    assert gift.rating_without_suspicious < gift.rating - 0.5


def test_copies_and_the_same_hand_are_named():
    text = "this is the most wonderful lamp that I have ever seen in my life"
    shelf = said(text, text + " really")
    shelf.review("a", 5, None, None, "x").review("a", 5, None, None, "x")
    kinds = {s.kind: s.reviews for s in analyze(shelf).gifts[0].suspicions}
    assert kinds == {"near duplicates": 1, "same reviewer": 1}


def test_later_reviews_are_not_looked_at():
    shelf = said("good", "good")
    assert analyze(shelf, on=TODAY - timedelta(days=1)).gifts[0].count == 1


def test_a_gift_without_reviews_has_the_catalogues_rating():
    result = analyze(said("good"), gifts=("a", "b"))
    other = result.gifts[1]
    assert (other.count, other.mean, other.positive, other.aspects) == (0, None, None, ())
    assert other.rating == result.catalogue_mean
    assert "no review of 1 of 2 gifts" in result.words
    assert not analyze(said("good"), gifts=("b",)).found


def test_of_thousands_of_reviews_the_newest_are_read():
    shelf = Shelf().gift("a")
    for n in range(500):
        shelf.review("a", 1 + n % 5, f"text number {n}", TODAY - timedelta(days=n))
    gift = analyze(shelf).gifts[0]
    assert (gift.count, sum(gift.stars)) == (500, 500)
    assert "the words of the newest 400 of 500 reviews were read" in gift.words


def test_markup_is_text():
    gift = analyze(said("<script>alert('great quality')</script>")).gifts[0]
    assert aspect(gift, "quality").quote == "<script>alert('great quality')</script>"

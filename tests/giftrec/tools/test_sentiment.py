import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftrec.tools.sentiment import (
    ListReader,
    chances_of,
    load,
    median_stars,
    positive,
    read,
)
from giftrec.tools.train_sentiment import fit, generated, main
from reccore.errors import UserError


@pytest.fixture(scope="module")
def learned():
    """A reader of generated reviews, and reviews of other gifts that it has not seen."""
    texts, stars, gifts = generated()
    cut = 2500
    reader = fit(texts[:cut], stars[:cut], gifts[:cut], "a test")
    return reader, [read(text) for text in texts[cut : cut + 1500]], stars[cut : cut + 1500]


@given(st.lists(st.lists(st.floats(-50, 50), min_size=4, max_size=4), min_size=1, max_size=5))
def test_chances_are_chances(logits):
    chances = chances_of(np.array(logits))
    assert (chances >= 0).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert set(median_stars(chances).tolist()) <= {1, 2, 3, 4, 5}


def test_it_learns_stars_from_words(learned):
    reader, reviews, stars = learned
    chances = reader.chances(reviews)
    right = (positive(chances) > reader.threshold) == (stars > 3)
    assert right.mean() > 0.95
    assert np.abs(median_stars(chances) - stars).mean() < 0.3 * np.abs(4 - stars).mean()


def test_its_chances_are_calibrated(learned):
    reader, reviews, stars = learned
    said = positive(reader.chances(reviews))
    for low, high in ((0, 0.3), (0.3, 0.7), (0.7, 1.01)):
        some = (said >= low) & (said < high)
        if some.sum() > 50:
            assert (stars[some] > 3).mean() == pytest.approx(said[some].mean(), abs=0.12)


def test_numpy_alone_says_what_scikit_learn_says():
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    texts = ["good gift", "bad gift gift", "good good toy", "bad toy", "good"] * 20
    reader = fit(texts, np.array([5, 1, 5, 1, 4] * 20))
    reviews = [read(text) for text in texts]
    rows, columns, values, extra = reader.features(reviews)
    ours = csr_matrix((values, (rows, columns)), shape=(100, len(reader.idf))).toarray()
    counts = np.zeros_like(ours)
    from giftrec.tools.sentiment import terms

    for n, parts in enumerate(reviews):
        for term, times in terms(parts).items():
            counts[n, reader.vocabulary[term]] = times
    theirs = TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray()
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    model = LogisticRegression()
    model.classes_ = np.array([0, 1])
    model.coef_ = reader.weights[:, 2][None]
    model.intercept_ = reader.levels[2:3]
    chance = model.predict_proba(np.hstack([ours, extra]))[:, 1]
    logit = ours @ reader.weights[: len(reader.idf), 2] + extra @ reader.weights[-6:, 2]
    np.testing.assert_allclose(1 / (1 + np.exp(-logit - reader.levels[2])), chance, atol=1e-9)


def test_the_file_reads_back_without_pickle(learned, tmp_path):
    reader, reviews, _ = learned
    path = tmp_path / "sentiment.json"
    reader.save(path)
    assert path.stat().st_size < 1_000_000
    again = load(path)
    assert (again.name, again.threshold) == (reader.name, round(reader.threshold, 4))
    np.testing.assert_allclose(again.chances(reviews), reader.chances(reviews), atol=0.02)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "x"}', "\x80"])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"x\.json"):
        load(path)


def test_weights_that_are_not_numbers_are_refused(learned, tmp_path):
    path = tmp_path / "sentiment.json"
    learned[0].save(path)
    written = json.loads(path.read_text())
    written["levels"][0] = float("nan")
    path.write_text(json.dumps(written))
    with pytest.raises(UserError, match="not numbers"):
        load(path)


def test_lists_alone_tell_good_from_bad_and_say_what_they_are():
    reader = ListReader()
    good, bad, silent = reader.chances([read("I love it"), read("It broke, awful"), read("")])
    assert median_stars(np.array([good]))[0] == 5
    assert positive(np.array([bad]))[0] < reader.threshold < positive(np.array([silent]))[0]
    assert "no trained model" in reader.name


def test_the_shops_title_is_not_read():
    assert read("Five Stars. It broke") == read("It broke")
    assert read("One star: awful") == read("awful")


def test_too_few_reviews_or_one_mind_are_refused():
    with pytest.raises(UserError, match="too few"):
        fit(["good"] * 10, np.full(10, 5))
    with pytest.raises(UserError, match="of one mind"):
        fit(["good"] * 100, np.full(100, 5))


def test_the_command_learns_from_a_file(tmp_path, capsys):
    reviews = tmp_path / "reviews.csv"
    rows = ["stars,text,gift"]
    for n in range(60):
        rows.append(f"{5 if n % 2 else 1},{'lovely toy' if n % 2 else 'broke at once'},g{n}")
    reviews.write_text("\n".join(rows))
    out = tmp_path / "out.json"
    assert main(["--reviews", str(reviews), "--out", str(out)]) == 0
    good, bad = positive(load(out).chances([read("lovely"), read("broke")]))
    assert good > bad
    reviews.write_text("text\nx")
    assert main(["--reviews", str(reviews), "--out", str(out)]) == 2
    assert "no column stars" in capsys.readouterr().out

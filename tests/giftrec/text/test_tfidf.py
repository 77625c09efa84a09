"""The fallback encoder against scikit-learn, and its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giftrec.catalog.gifts import default_gifts
from giftrec.text.gift_texts import GiftTexts
from giftrec.text.svd import directions
from giftrec.text.tfidf import Counted, TfIdf, Weighted, Weights
from giftrec.text.words import words

TEXTS = GiftTexts.of_records(default_gifts()).whole


@pytest.fixture(scope="module")
def fitted() -> TfIdf:
    return TfIdf.fit(TEXTS)


def weighted() -> Weighted:
    counted = Counted.of(TEXTS)
    return Weighted.of(counted, Weights.of(counted))


def test_word_weights_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("giftrec.text.tfidf.WORDS", 1 << 24)  # no two words share a bucket
    vectorizers = pytest.importorskip("sklearn.feature_extraction.text")
    oracle = vectorizers.TfidfVectorizer(
        tokenizer=words, token_pattern=None, lowercase=False, sublinear_tf=True
    )
    expected = oracle.fit_transform(TEXTS).toarray()
    ours = weighted().texts
    found = ours.times(np.eye(ours.width, dtype=np.float32))
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-5)


def test_directions_are_those_of_an_exact_svd(fitted: TfIdf) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    matrix = weighted().among(fitted.seen)
    dense = matrix.times(np.eye(len(fitted.seen), dtype=np.float32))
    exact = decomposition.TruncatedSVD(20, algorithm="arpack", random_state=0).fit(dense)
    right, values = directions(matrix, 20)
    np.testing.assert_allclose(values, exact.singular_values_, rtol=0.015)
    np.testing.assert_allclose(right.T @ right, np.eye(20), atol=1e-4)
    held, most = (np.linalg.norm(dense @ basis) for basis in (right, exact.components_.T))
    assert held >= 0.99 * most
    _, all_values = directions(matrix, 128)  # all of the rank: nothing is approximate
    largest = np.linalg.svd(dense, compute_uv=False)
    np.testing.assert_allclose(all_values, largest[: len(all_values)], rtol=1e-4)


def test_it_is_deterministic(fitted: TfIdf) -> None:
    again = TfIdf.fit(TEXTS)
    np.testing.assert_array_equal(again.basis, fitted.basis)
    np.testing.assert_array_equal(again.encode(["tea"]), fitted.encode(["tea"]))


def test_it_is_restored_to_the_same_bits(fitted: TfIdf) -> None:
    restored = TfIdf.restored(fitted.arrays())
    np.testing.assert_array_equal(restored.encode(TEXTS), fitted.encode(TEXTS))


def test_full_rank_keeps_every_gifts_own_text(fitted: TfIdf) -> None:
    rows = fitted.encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=0.02)
    np.testing.assert_array_equal((rows @ rows.T).argmax(axis=1), np.arange(len(TEXTS)))


def test_unknown_words_shorten_a_row(fitted: TfIdf) -> None:
    known, mixed, unknown, misspelt = np.linalg.norm(
        fitted.encode(["casserole", "casserole qzxv", "qzxv", "caserole"]), axis=1
    )
    assert known > mixed > unknown
    assert misspelt > unknown


@given(st.lists(st.text(max_size=80), max_size=5))
def test_rows_do_not_depend_on_their_company(texts: list[str]) -> None:
    encoder = _fitted_once()
    together = encoder.encode(texts)
    assert together.shape == (len(texts), encoder.width)
    assert np.isfinite(together).all()
    assert (np.linalg.norm(together, axis=1) <= 1 + 1e-5).all()
    for row, text in zip(together, texts, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], row, atol=1e-6)


@pytest.mark.parametrize("texts", [[], [""], ["", "  ", "!!!"], ["tea"], ["tea", "tea"]])
def test_hardly_any_text_is_no_error(texts: list[str]) -> None:
    encoder = TfIdf.fit(texts)
    assert encoder.encode(["tea", "", "coffee"]).shape == (3, encoder.width)
    if "tea" in texts:
        assert np.linalg.norm(encoder.encode(["tea"])) > 0.9


def _fitted_once(kept: list[TfIdf] = []) -> TfIdf:  # noqa: B006
    if not kept:
        kept.append(TfIdf.fit(TEXTS))
    return kept[0]

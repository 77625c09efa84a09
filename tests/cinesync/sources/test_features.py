"""Features: tables aligned with id maps, and bags of words."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinesync.sources.features import bags, bands, categories, decades, split_words, table
from reccore.data.ids import IdMap
from reccore.errors import UserError

WORDS = st.lists(st.none() | st.lists(st.sampled_from("abcd"), max_size=4), max_size=6)


@given(WORDS)
def test_bags_equal_the_lists(lists: list[list[str] | None]) -> None:
    found = bags(pl.Series(lists, dtype=pl.List(pl.String)))
    assert found.vocabulary == tuple(sorted({word for one in lists for word in one or ()}))
    for row, one in enumerate(lists):
        codes = found.words[found.offsets[row] : found.offsets[row + 1]]
        assert {found.vocabulary[code] for code in codes} == set(one or ())
        assert len(codes) == len(set(one or ()))


def test_table_follows_the_id_map() -> None:
    ids = IdMap.of(pl.Series([10, 20, 30]))
    frame = pl.DataFrame(
        {"id": ["30", "10", "99"], "title": ["C", None, "X"], "genres": [["a"], ["b"], ["z"]]}
    )
    found = table(ids, frame)
    assert found.titles == ("10", "20", "C")
    assert found.features["genres"].vocabulary == ("a", "b")  # 99 was never met
    assert found.features["genres"].multi_hot().tolist() == [[0, 1], [0, 0], [1, 0]]
    assert table(ids, None).features == {}


def test_table_refuses_repeated_and_foreign_ids() -> None:
    ids = IdMap.of(pl.Series([1, 2]))
    with pytest.raises(UserError, match="id 1 is there more than once"):
        table(ids, pl.DataFrame({"id": [1, 1]}))
    with pytest.raises(UserError, match="none of the ids"):
        table(ids, pl.DataFrame({"id": ["tt1", "tt2"]}))


def test_words() -> None:
    texts = pl.Series(["Drama | Comedy", "(no genres listed)", "", None])
    assert split_words(texts, "|").to_list() == [["Comedy", "Drama"], [], [], None]
    assert decades(pl.Series(["1994", None])).to_list() == [["1990s"], []]
    assert categories(pl.Series(["TV", None])).to_list() == [["TV"], []]


def test_bands_hold_their_lower_limit() -> None:
    found = bands(pl.Series([17, 18, 24, 25, None]), (18, 25), ("young", "grown", "old"))
    assert found.to_list() == [["young"], ["grown"], ["grown"], ["old"], []]

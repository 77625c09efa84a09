"""Likes in anybody's words raise the gifts that meet them; so does "more like this one"."""

import pytest
from stall import Shelf, shown, wish

from giftrec.agent.free_words import WORTH, met


def plain_shop(count: int = 12) -> Shelf:
    shelf = Shelf()
    for n in range(count):
        shelf.gift(f"plain-{n}", 2000, title=f"Useful thing number {n}", hobbies=["gardening"])
    return shelf


def test_a_gift_that_meets_a_free_word_comes_first(stall_of):
    agent = stall_of(plain_shop().gift("glove", 2000, title="Falconry glove")).agent()
    with_it = agent.recommend_sync(wish(hobbies=("gardening",), wishes=("falconry",)))
    without = agent.recommend_sync(wish(hobbies=("gardening",)))
    assert shown(with_it)[0] == "glove"
    assert shown(without)[0] != "glove"
    assert without.text_by is None
    assert with_it.text_by == "tfidf-svd"
    (reason,) = [r for r in with_it.picks[0].reasons if r.signal == "wish"]
    assert reason.words == "close to “falconry”"
    assert 0 < reason.weight <= WORTH
    others = [r for pick in with_it.picks[1:] for r in pick.reasons if r.signal == "wish"]
    assert others == []


def test_each_word_is_a_reason_where_it_is_met(stall_of):
    shelf = plain_shop().gift("glove", title="Falconry glove").gift("wheel", title="Pottery wheel")
    agent = stall_of(shelf).agent()
    reply = agent.recommend_sync(wish(wishes=("falconry", "pottery wheel")))
    words = {
        pick.gift: {r.words for r in pick.reasons if r.signal == "wish"} for pick in reply.picks
    }
    assert words["glove"] == {"close to “falconry”"}
    assert words["wheel"] == {"close to “pottery wheel”"}


def test_a_word_that_nothing_is_close_to_changes_nothing_and_is_said(stall_of):
    agent = stall_of(plain_shop()).agent()
    reply = agent.recommend_sync(wish(wishes=("xylophagy",)))
    assert shown(reply) == shown(agent.recommend_sync(wish()))
    assert "nothing close to 'xylophagy'" in reply.notes
    assert not [r for pick in reply.picks for r in pick.reasons if r.signal == "wish"]


def test_more_like_this_one(stall_of):
    shelf = plain_shop()
    for n in range(3):
        shelf.gift(f"owl-{n}", title=f"Barn owl figure in oak {n}")
    agent = stall_of(shelf).agent()
    reply = agent.recommend_sync(wish(like="owl-1"))
    assert shown(reply)[0] in {"owl-0", "owl-2"}
    assert {"owl-0", "owl-2"} <= set(shown(reply))
    assert "owl-1" not in shown(reply)
    (reason,) = [r for r in reply.picks[0].reasons if r.signal == "wish"]
    assert reason.words == "close to “Barn owl figure in oak 1”", "the title, never the id"


def test_like_a_gift_that_is_no_longer_there(stall_of):
    agent = stall_of(plain_shop()).agent()
    reply = agent.recommend_sync(wish(like="gone-since"))
    assert shown(reply) == shown(agent.recommend_sync(wish()))
    assert any("gone-since" in note for note in reply.notes), "and it is said"


@pytest.mark.parametrize("words", [("falconry",), ("falconry", "xylophagy"), ("x" * 200,)])
def test_how_well_words_are_met_is_0_to_1(words, stall_of):
    front = stall_of(plain_shop().gift("glove", title="Falconry glove")).front
    found = met(wish(wishes=words), front)
    assert found is not None
    assert found.total.shape == (len(front),)
    for column in (found.total, *found.each.values()):
        assert ((column >= 0) & (column <= 1)).all()
    assert met(wish(), front) is None


def test_markup_and_queries_in_words_are_words(stall_of):
    agent = stall_of(plain_shop()).agent()
    odd = ("<script>alert(1)</script>", "'; DROP TABLE gifts; --", "\x00\u202e", "🎁")
    reply = agent.recommend_sync(wish(wishes=odd, excluded=odd, owned=odd))
    assert len(reply.picks) == 5

"""The catalogue and the words that requests are made of can be looked at."""

import pytest
from served_gifts import Served

from giftrec.vocabulary import default_vocabulary


def test_the_catalogue_is_described(served: Served) -> None:
    told = served.client.get("/v1/catalogue").json()
    assert (told["gifts"], told["currency"], told["as_of"]) == (45, "EUR", "2026-11-21")
    assert told["catalogue"] == served.desk.fingerprint
    assert told["facts"]["counts"]["gifts"] == 45


def test_search_finds_by_words_and_by_bounds(served: Served) -> None:
    found = served.client.get("/v1/catalogue/search", params={"query": "gard", "count": 100})
    assert 0 < found.json()["total"] < 45
    every = served.client.get("/v1/catalogue/search", params={"count": 100}).json()["gifts"]
    assert len(every) == 45
    bounds = {"dearest": 3000, "hobby": "gardening", "count": 100}
    cheap = served.client.get("/v1/catalogue/search", params=bounds).json()["gifts"]  # type: ignore[arg-type]
    wanted = {
        g["gift"] for g in every if g["price"]["minor"] <= 3000 and "gardening" in g["hobbies"]
    }
    assert {gift["gift"] for gift in cheap} == wanted != set()


def test_a_gift_comes_with_its_offers(served: Served) -> None:
    gift = served.client.get("/v1/catalogue/search").json()["gifts"][0]
    one = served.client.get(f"/v1/gifts/{gift['gift']}").json()
    assert {name: one[name] for name in gift} == gift
    prices = [offer["price"]["minor"] for offer in one["offers"]]
    assert prices == sorted(prices)
    assert prices[0] == gift["price"]["minor"]


def test_what_is_not_there_is_said(served: Served) -> None:
    assert served.client.get("/v1/gifts/none").json()["error"]["code"] == "unknown_gift"
    assert served.client.get("/v1/gifts/a/b").status_code == 404
    assert served.client.get("/v1/vocabulary/colour").json()["error"]["code"] == "unknown_factor"
    wrong = served.client.get("/v1/catalogue/search", params={"hobby": "hikking"})
    assert wrong.status_code == 422
    assert "hiking" in wrong.json()["error"]["remedy"]


@pytest.mark.parametrize("factor", ["hobby", "preference", "relationship", "occasion", "category"])
def test_words_are_those_of_the_model(served: Served, factor: str) -> None:
    words = default_vocabulary().levels(factor)
    told = served.client.get(f"/v1/vocabulary/{factor}").json()
    assert tuple(word["word"] for word in told["words"]) == words
    assert served.client.get("/v1/vocabulary").json()["factors"][factor] == list(words)
    if factor == "hobby":
        assert {"word": "hiking", "group": "travel"} in told["words"] or any(
            word["group"] for word in told["words"]
        )

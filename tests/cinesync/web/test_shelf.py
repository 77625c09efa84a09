"""What an answer becomes on a page."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cinesync.web.choices import Choices
from cinesync.web.ratings import Ratings
from cinesync.web.shelf import Shelf, known, recommended
from reccore.bundle.bundle import Bundle
from reccore.serve.product import Question
from reccore.serve.server import Server


@pytest.fixture(scope="module")
def bundle(made: Path) -> Bundle:
    return Bundle.open(made / "films" / "1")


def shelf(bundle: Bundle, *items: dict[str, Any], degraded: list[dict[str, str]]) -> Shelf:
    """Of an answer with these items."""

    async def respond(question: Question[Bundle]) -> bytes:
        answer = {"items": items, "degraded": degraded, "model": "m", "model_version": "1.1"}
        return json.dumps(answer).encode()

    server = SimpleNamespace(champion=SimpleNamespace(bundle=bundle), respond=respond)
    asked = cast("Server[Bundle]", server)
    return asyncio.run(recommended(asked, Ratings({"i6": 5}), Choices()))


def test_what_is_degraded_is_said(bundle: Bundle) -> None:
    found = shelf(
        bundle,
        {"item": "i8", "title": "Eight", "by": "popularity"},
        degraded=[
            {"code": "unknown_user", "words": "m knows only its own users"},
            {"code": "fewer_items", "words": "12 items were asked for, 1 is left"},
        ],
    )
    assert found.notes == ("m knows only its own users",)
    assert not found.mine
    assert not found.more


def test_an_item_of_a_version_on_trial_is_shown_by_its_title(bundle: Bundle) -> None:
    found = shelf(
        bundle,
        {"item": "new", "title": "News, The (2030)", "by": "model", "reasons": []},
        {"item": "i8", "title": "x", "by": "model", "reasons": [{"item": "i6", "title": None}]},
        degraded=[],
    )
    assert [(card.title, card.year) for card in found.cards] == [
        ("The News", "2030"),
        ("Story of i8", "1988"),
    ]
    assert [card.because for card in found.cards] == [(), ("No. i6",)]
    assert found.mine


def test_ratings_of_items_that_are_gone_are_left_out(bundle: Bundle) -> None:
    ratings = Ratings({"gone": 5, "i6": 4, "i7": 1})
    assert known(bundle, ratings).stars == {"i6": 4, "i7": 1}
    assert known(bundle, Ratings()).stars == {}

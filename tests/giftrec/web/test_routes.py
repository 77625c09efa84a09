"""The page by links, forms and cookies alone, as a browser without JavaScript meets it."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shopfront import SENTENCE, WISH, Read, button, click
from starlette.testclient import TestClient

from giftrec.kept.kept import unavailable
from giftrec.kept.sqlite import SqliteKept
from giftrec.tools.registry import default_tools
from reccore.serve.edge import Edge

Serve = Callable[..., Edge]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OPEN = "/gifts?budget=80"


def test_the_start_asks_who_it_is_for_in_a_sentence_or_a_form(visitor: TestClient) -> None:
    page = visitor.get("/")
    read = Read(page.text)
    assert page.status_code == 200
    assert "set-cookie" not in page.headers
    assert read.all("textarea", name="say")
    assert len(read.all("input", type="checkbox", name="hobby")) == 24 + 1
    assert len(read.all("input", type="checkbox", name="taste")) == 21
    for name in ("who", "occasion", "cur"):
        assert read.all("select", name=name)
    assert read.all("input", type="date", min="2026-11-21", max="2027-11-21")
    assert "name" not in read.all("input", type="range")[0]  # the number is what is sent
    assert "No sponsored placement" in read.words


def test_a_sentence_becomes_five_gifts_and_says_what_was_understood(visitor: TestClient) -> None:
    answer = visitor.post("/say", data={"say": SENTENCE}, follow_redirects=False)
    place = answer.headers["location"]
    assert answer.status_code == 303
    assert place.startswith(WISH)
    assert "sister" not in place  # the sentence itself is in no address
    page = visitor.get(place)
    read = Read(page.text)
    assert len(read.cards) == 5
    assert "5 gifts for your sister" in read.words
    assert "5 gifts for your sister or brother" in Read(visitor.get(WISH).text).words
    marks = re.findall(r"<mark>(.*?)</mark>", page.text)
    assert marks == ["sister", "turns 30", "pottery", "hiking", "60 euros", "Friday"]
    assert "pottery taken as crafts" in read.words
    assert read.all("input", id="f-age", value="30")
    assert read.all("input", id="f-by", value="2026-11-27")
    assert read.all("input", id="f-likes", value="pottery")
    chosen = [b["value"] for b in read.all("input", name="hobby") if "checked" in b]
    assert chosen == ["crafts", "hiking"]
    assert any("selected" in o for o in read.all("option", value="sibling"))


def test_what_was_not_understood_is_said(visitor: TestClient) -> None:
    page = visitor.post("/say", data={"say": "gift for my boss, frobnicate, 50 euros"})
    assert "Not understood: “frobnicate”" in Read(page.text).words


def test_money_without_a_rate_is_left_out_and_said(visitor: TestClient) -> None:
    page = visitor.post("/say", data={"say": "a gift for my boss, up to 5000 yen"})
    words = Read(page.text).words
    assert page.status_code == 200
    assert "there is no exchange rate for JPY here" in words
    assert "a budget of €50" in words


def test_of_several_people_each_has_a_page(visitor: TestClient) -> None:
    page = visitor.post("/say", data={"say": "my mum loves wine and my boss likes chess, 40 euros"})
    assert "You spoke of 2 people" in page.text
    other = next(a["href"] for a in Read(page.text).all("a") if "who=boss" in (a["href"] or ""))
    assert "for your boss" in Read(visitor.get(other or "").text).words


def test_another_sentence_is_not_taken_for_this_one(visitor: TestClient) -> None:
    first = visitor.post("/say", data={"say": SENTENCE}, follow_redirects=False).headers["location"]
    visitor.post("/say", data={"say": "gift for my boss, 50 euros"})
    page = visitor.get(first)
    assert len(Read(page.text).cards) == 5
    assert 'id="heard"' not in page.text


def test_cards_say_what_a_shopper_wants_to_know(visitor: TestClient) -> None:
    page = visitor.get(WISH)
    words = Read(page.text).words
    for said in ("fees", "as of 21 Nov 2026", "in stock; there by", "of 5,"):
        assert said in words
    assert "Safe" in words
    assert words.count("Add to basket") == 5


def test_prices_are_in_the_shoppers_money_with_the_original_beside(visitor: TestClient) -> None:
    words = Read(visitor.get("/gifts?budget=90&cur=USD").text).words
    assert re.search(r"\$\d+\.\d\d €\d+\.\d\d", words)
    assert "at the rate of 20 Nov 2026" in words
    assert "at the rate" not in Read(visitor.get("/gifts?budget=90&cur=EUR").text).words


def test_what_was_left_open_is_said(visitor: TestClient) -> None:
    words = Read(visitor.get("/gifts?who=boss&budget=60").text).words
    assert "Not said, so taken: age 35; the occasion birthday; needed by Sat 5 Dec." in words


def test_impossible_wishes_get_an_honest_answer(visitor: TestClient) -> None:
    page = visitor.get("/gifts?budget=1")
    read = Read(page.text)
    assert page.status_code == 200
    assert read.cards == []
    assert "No gift for this wish" in read.words
    assert "The cheapest that is to be had" in read.words
    links = [a["href"] or "" for a in read.all("a")]
    dearer = next(one for one in links if "budget=" in one and "budget=1&" not in one)
    assert len(Read(visitor.get(dearer).text).cards) >= 1


@pytest.mark.parametrize("what", ["swap", "not", "owns"])
def test_a_gift_is_set_aside_and_can_be_taken_back(visitor: TestClient, what: str) -> None:
    page = visitor.get(OPEN)
    first = Read(page.text).cards[0]
    after = click(visitor, page, button(page, what))
    read = Read(after.text)
    assert len(read.cards) == 5
    assert first not in read.cards
    assert "One gift set aside" in read.words
    back = click(visitor, after, button(after, "back"))
    assert first in Read(back.text).cards


def test_more_like_this(visitor: TestClient) -> None:
    page = visitor.get(OPEN)
    after = click(visitor, page, button(page, "like", 2))
    read = Read(after.text)
    assert "These resemble" in read.words
    assert Read(page.text).cards[2] not in read.cards
    gone = Read(visitor.get(f"{OPEN}&like=no-such-gift").text)
    assert len(gone.cards) == 5
    assert "These resemble" not in gone.words


def test_thumbs_are_remembered_shown_and_taken_back(visitor: TestClient) -> None:
    page = visitor.get(OPEN)
    gift = Read(page.text).cards[1]
    after = click(visitor, page, button(page, "up", 1))
    assert Read(after.text).all("button", id=f"up-{gift}")[0]["aria-pressed"] == "true"
    assert "could not be stored" not in after.text
    again = click(visitor, after, button(after, "down", 1))
    assert Read(again.text).all("button", id=f"up-{gift}")[0]["aria-pressed"] == "false"
    assert Read(again.text).all("button", id=f"down-{gift}")[0]["aria-pressed"] == "true"


def test_feedback_that_cannot_be_kept_is_said(visitor: TestClient) -> None:
    page = visitor.get(OPEN)
    after = click(visitor, page, button(page, "swap"), id="<b>none</b>")
    assert "could not be stored" in after.text
    assert len(Read(after.text).cards) == 5


def test_the_basket_counts_what_is_left(visitor: TestClient) -> None:
    page = visitor.get(WISH)
    after = click(visitor, page, button(page, "put"))
    after = click(visitor, after, button(after, "put", 1))
    words = Read(after.text).words
    left = re.search(r"€(\d+\.\d\d) in all €(\d+\.\d\d) of €66 left", words)
    over = re.search(r"€(\d+\.\d\d) in all €(\d+\.\d\d) over the budget of €66", words)
    assert left or over
    if left:
        assert round(float(left[1]) + float(left[2]), 2) == 66
    bought = click(visitor, after, button(after, "bought"))
    assert "bought" in Read(bought.text).words
    assert "could not be stored" not in bought.text
    empty = click(visitor, bought, button(bought, "drop"))
    empty = click(visitor, empty, button(empty, "drop"))
    assert 'id="basket"' not in empty.text
    assert "basket" not in visitor.cookies


def test_the_basket_is_on_the_start_page_too(visitor: TestClient) -> None:
    page = visitor.get(WISH)
    click(visitor, page, button(page, "put"))
    start = visitor.get("/")
    assert 'id="basket"' in start.text
    after = click(visitor, start, button(start, "drop"))
    assert str(after.url).startswith("http://127.0.0.1/")
    assert after.url.path == "/"
    assert 'id="basket"' not in after.text


def test_cookies_are_closed_to_scripts_and_other_sites(visitor: TestClient) -> None:
    said = visitor.post("/say", data={"say": SENTENCE}, follow_redirects=False)
    put = visitor.post("/gifts/do", data={"do": "put 5EUR x"}, follow_redirects=False)
    spoken = visitor.get("/?lang=de")
    for answer in (said, put, spoken):
        cookie = answer.headers["set-cookie"].lower()
        for word in ("httponly", "samesite=strict", "path=/"):
            assert word in cookie
        assert "secure" not in cookie
    assert "max-age" not in said.headers["set-cookie"].lower()  # until the browser is closed
    assert "sister" not in said.headers["set-cookie"]


def test_a_share_link_shows_the_gifts_and_nothing_else(visitor: TestClient) -> None:
    page = visitor.get(WISH)
    click(visitor, page, button(page, "put"))
    link = Read(page.text).all("input", id="share")[0]["value"] or ""
    assert re.fullmatch(r"/shared/[a-z2-7]{26}", link)
    shared = visitor.get(link)
    read = Read(shared.text)
    assert read.cards == Read(page.text).cards
    assert "Whoever has the link can see this page" in read.words
    assert 'id="basket"' not in shared.text
    assert not read.all("button")
    assert shared.headers["referrer-policy"] == "no-referrer"
    assert shared.headers["x-robots-tag"] == "noindex"
    assert page.headers["x-robots-tag"] == "noindex"


@pytest.mark.parametrize("id", ["x", "a" * 26, "%3Cscript%3E", "..%2f..%2fetc", "a" * 5000, "%ff"])
def test_a_link_that_leads_nowhere_is_a_page_that_says_so(visitor: TestClient, id: str) -> None:
    page = visitor.get(f"/shared/{id}")
    assert page.status_code == 404
    assert "<script>" not in page.text.replace('<script type="module"', "")


def test_a_print_view_has_no_buttons(visitor: TestClient) -> None:
    read = Read(visitor.get(f"{WISH}&view=print").text)
    assert len(read.cards) == 5
    assert not [b for b in read.all("button") if (b.get("id") or "").startswith("swap")]
    assert not read.all("textarea")


def test_german_by_browser_by_link_and_by_cookie(visitor: TestClient) -> None:
    german = visitor.get("/", headers={"Accept-Language": "de-DE,de;q=0.9"})
    assert "Für wen ist das Geschenk?" in german.text
    assert Read(german.text).all("html", lang="de")
    page = visitor.get(f"{WISH}&lang=de")
    words = Read(page.text).words
    assert "5 Geschenke für deine Schwester oder deinen Bruder" in words
    assert "In den Warenkorb" in words
    assert "Geschenke" in visitor.get(WISH).text  # by the cookie
    assert "Who is" in visitor.get("/?lang=en").text
    assert "Who is" in visitor.get("/?lang=en").text
    assert visitor.get("/?lang=%3Cb%3E").status_code == 200


@pytest.mark.parametrize(
    "wish", [WISH, "/gifts?budget=90&hobby=reading&taste=handmade&who=boss", "/gifts?budget=200"]
)
def test_no_reason_stays_english_on_a_german_page(visitor: TestClient, wish: str) -> None:
    page = visitor.get(wish, headers={"Accept-Language": "de"})
    main = page.text.split('<div class="columns')[1].split('<div class="side">')[0]
    assert re.findall(r'lang="en"[^>]*>([^<]*)<', main) == []


def test_language_links_keep_the_wish(visitor: TestClient) -> None:
    links = [a["href"] or "" for a in Read(visitor.get(WISH).text).all("a", hreflang="de")]
    assert "hobby=hiking" in links[0]
    assert "lang=de" in links[0]


PLACES = ["/", WISH, "/gifts", "/gifts?budget=200", "/gifts?budget=1", f"{WISH}&view=print"]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("language", ["en", "de"])
def test_pages_are_well_made(visitor: TestClient, path: str, language: str) -> None:
    page = visitor.get(path, headers={"Accept-Language": language})
    read = Read(page.text)
    assert page.status_code == 200
    found = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(found) == len(set(found))
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for label in read.all("label"):
        assert label["for"] in found
    assert not any("style" in found or "onclick" in found for _, found in read.tags)
    assert {s["src"][:8] for s in read.all("script") if s["src"]} == {"/static/"}
    assert len(page.content) < 60_000


def test_tools_that_fail_are_named(serve: Serve, tmp_path: Path) -> None:
    def fail(request: object, provider: object) -> Any:
        raise ValueError("a secret of the shop's")

    tools = tuple(replace(tool, answer=fail) for tool in default_tools())
    edge = serve(tmp_path, "agent.tools=all", tools=tools)
    with TestClient(edge, "http://127.0.0.1", raise_server_exceptions=False) as poor:
        english = poor.get(WISH)
        german = poor.get(WISH, headers={"Accept-Language": "de"})
    assert "Not everything could be checked just now:" in english.text
    assert "Prices could not be checked live; they are of Sat 21 Nov." in english.text
    assert "Preise ließen sich nicht live prüfen" in german.text
    for page in (english, german):
        assert len(Read(page.text).cards) == 5
        assert "secret" not in page.text
    said = german.text.split('class="note warn"')[1].split("</div>")[0]
    assert 'lang="en"' not in said


def test_where_nothing_can_be_kept_there_is_no_link_and_all_else(
    visitor: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(self: SqliteKept, kept: object) -> None:
        raise unavailable("down")

    monkeypatch.setattr(SqliteKept, "save", down)
    page = visitor.get("/gifts?who=boss&budget=77")
    read = Read(page.text)
    assert len(read.cards) == 5
    assert "There is no private link" in read.words
    assert "could not be kept, so it has no private link" in read.words
    after = click(visitor, page, button(page, "swap"))
    assert len(Read(after.text).cards) == 5
    assert "could not be stored" in after.text


def test_nothing_said_leads_back(visitor: TestClient) -> None:
    answer = visitor.post("/say", data={"say": "  "}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_the_policy_lets_no_script_in(visitor: TestClient) -> None:
    for path in ("/", WISH, "/shared/x"):
        headers = visitor.get(path).headers
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


def test_all_of_a_page_is_light(visitor: TestClient) -> None:
    page = visitor.get(WISH)
    read = Read(page.text)
    files = [f["href"] for f in read.all("link")] + [s["src"] for s in read.all("script")]
    total = len(page.content) + sum(len(visitor.get(file or "").content) for file in files)
    assert total < 120_000
    part = visitor.get(WISH, headers={"X-Part": "main"}).text
    assert "<main" in part
    assert "<link" not in part

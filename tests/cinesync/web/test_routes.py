"""The web app by links, forms and cookies alone, as a browser without JavaScript meets it."""

import itertools
import re
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from catalogue import HOSTILE, even, ids
from httpx import Response
from starlette.testclient import TestClient

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Read(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.tags
            if name == tag and all(found.get(key) == value for key, value in wanted.items())
        ]


def shown(page: Response) -> list[str]:
    """Ids of the cards, in order."""
    cards = [found["id"] or "" for found in Read(page.text).all("li") if "id" in found]
    known = {quote(item, safe=""): item for item in ids()}
    return [known[card.removeprefix("card-")] for card in cards]


def rate(client: TestClient, item: str, stars: int, back: str = "/") -> Response:
    return client.post("/rate", data={"rate": f"{stars} {item}", "back": back})


def test_somebody_new_gets_the_popular_and_a_word_of_welcome(visitor: TestClient) -> None:
    page = visitor.get("/")
    assert page.status_code == 200
    assert "Popular to begin with" in page.text
    assert "in a cookie of this browser alone" in page.text
    assert len(shown(page)) == 12
    assert "set-cookie" not in page.headers


def test_ratings_make_recommendations_with_reasons(visitor: TestClient) -> None:
    answer = visitor.post("/rate", data={"rate": "5 i6", "back": "/"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/#card-i6")
    page = visitor.get("/")
    assert "Recommended for you" in page.text
    first = shown(page)
    assert "i6" not in first
    assert all(even(item) for item in first[:5])
    assert "Because you liked <b>Story of i6</b>" in page.text
    rate(visitor, "i6", 0)
    rate(visitor, "i7", 4)
    changed = shown(visitor.get("/"))
    assert not any(even(item) for item in changed[:5])


def test_what_was_not_liked_is_neither_a_reason_nor_recommended(visitor: TestClient) -> None:
    rate(visitor, "i6", 1)
    page = visitor.get("/?n=48")
    assert "Popular to begin with" in page.text
    assert "three stars or more" in page.text
    assert "i6" not in shown(page)
    rate(visitor, "i7", 5)
    page = visitor.get("/?n=48")
    assert "i6" not in shown(page)
    assert "Because you liked <b>Story of i6</b>" not in page.text


def test_a_rating_is_changed_and_removed_and_all_forgotten(visitor: TestClient) -> None:
    rate(visitor, "i6", 5)
    page = rate(visitor, "i6", 4)
    assert Read(page.text).all("button", id="mine-i6-4")[0]["aria-pressed"] == "true"
    assert Read(page.text).all("button", id="mine-i6-5")[0]["aria-pressed"] == "false"
    page = rate(visitor, "i6", 0)
    assert 'id="ratings"' not in page.text
    assert "ratings" not in visitor.cookies
    for item in ("i6", "i7", "i8"):
        rate(visitor, item, 5)
    page = visitor.post("/start-over", data={"back": "/"})
    assert 'id="ratings"' not in page.text
    assert "ratings" not in visitor.cookies


def test_the_cookie_is_closed_to_scripts_and_other_sites(visitor: TestClient) -> None:
    answer = visitor.post("/rate", data={"rate": "5 i6"}, follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    for word in ("httponly", "samesite=strict", "path=/", "ratings=1!5i6"):
        assert word in cookie
    assert "secure" not in cookie
    visitor.cookies.clear()
    answer = visitor.post("https://127.0.0.1/rate", data={"rate": "5 i6"}, follow_redirects=False)
    assert "secure" in answer.headers["set-cookie"].lower()


def test_many_ratings_fit_and_the_latest_six_are_open(visitor: TestClient) -> None:
    for item in ids()[3:15]:
        rate(visitor, item, 3)
    page = visitor.get("/")
    assert "6 earlier" in page.text
    assert len(Read(page.text).all("li")) > 12


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "1!", "1!5", "1!5nobody", "1!9i6", "2!5i6", "1!5%ff", "1!5<script>", "1" * 4000],
)
def test_any_cookie_is_answered(visitor: TestClient, cookie: str) -> None:
    page = visitor.get("/", headers={"Cookie": f"ratings={cookie}"})
    assert page.status_code == 200
    assert "Popular to begin with" in page.text


def test_items_that_are_gone_are_ignored_and_the_others_count(visitor: TestClient) -> None:
    page = visitor.get("/", headers={"Cookie": "ratings=1!5gone!5i6!1other"})
    assert all(even(item) for item in shown(page)[:5])
    assert "1 recommendations" not in page.text
    assert "12 recommendations from 1 rating," in page.text


def test_kinds_and_genres_narrow_the_page(visitor: TestClient) -> None:
    rate(visitor, "i6", 5)
    page = visitor.get("/?kind=TV&genre=Comedy&n=48")
    wanted = [i for n, i in enumerate(ids()) if n % 4 >= 2 and n % 3 == 0 and i != "i6"]
    assert sorted(shown(page)) == sorted(wanted)
    assert "checked" in Read(page.text).all("input", id="kind-3")[0]
    page = visitor.get("/?kind=nothing&genre=&mix=much&n=-3&from=x")
    assert len(shown(page)) == 12


def test_the_choices_outlive_a_rating(visitor: TestClient) -> None:
    page = visitor.get("/?kind=TV&mix=30")
    back = Read(page.text).all("input", name="back")[0]["value"] or ""
    assert back == "/?kind=TV&mix=30#recommended"
    answer = visitor.post("/rate", data={"rate": "5 i6", "back": back}, follow_redirects=False)
    assert answer.headers["location"] == back


def test_variety_changes_the_list(visitor: TestClient) -> None:
    rate(visitor, "i6", 5)
    assert shown(visitor.get("/?mix=0")) != shown(visitor.get("/?mix=100"))


def test_more_are_shown_until_there_are_no_more(visitor: TestClient) -> None:
    page = visitor.get("/")
    link = Read(page.text).all("a", id="more")[0]["href"]
    assert link == "/?n=24"
    assert len(shown(visitor.get(link))) == 24
    assert not Read(visitor.get("/?n=48").text).all("a", id="more")


def test_search_finds_by_words_and_says_when_it_does_not(visitor: TestClient) -> None:
    assert shown(visitor.get("/search?q=the+matrix")) == ["i2"]
    assert shown(visitor.get("/search?q=SOHNE+amelie")) == ["i4"]
    nothing = visitor.get("/search?q=zzz")
    assert "No titles for" in nothing.text
    assert shown(nothing) == []
    everything = visitor.get("/search")
    assert len(shown(everything)) == 24
    link = Read(everything.text).all("a", rel="next")[0]["href"] or ""
    rest = visitor.get(link)
    assert len(shown(rest)) == 16
    assert not set(shown(rest)) & set(shown(everything))
    assert visitor.get("/search?q=" + "x" * 5000).status_code == 200


def test_rating_on_a_search_leads_back_to_the_card(visitor: TestClient) -> None:
    page = visitor.get("/search?q=matrix")
    back = Read(page.text).all("input", name="back")[0]["value"] or ""
    answer = visitor.post("/rate", data={"rate": "5 i2", "back": back}, follow_redirects=False)
    assert answer.headers["location"] == "/search?q=matrix#card-i2"


def test_an_item_has_a_page_with_its_features_and_its_like(visitor: TestClient) -> None:
    page = visitor.get("/items/i6")
    read = Read(page.text)
    assert "Story of i6" in page.text
    assert "<title>Story of i6 (1986) · CineSync</title>" in page.text
    assert [tag for tag, _ in read.tags if tag == "h1"] == ["h1"]
    assert "Comedy" in page.text
    assert all(even(item) for item in shown(page)[:4])
    odd = "/items/" + quote("a/b ?#%", safe="")
    assert "A Path of One&#39;s Own" in visitor.get(odd).text
    assert odd in visitor.get("/search?q=path+own").text


def test_an_unknown_item_is_a_page_that_says_so(visitor: TestClient) -> None:
    page = visitor.get("/items/%3Cscript%3E")
    assert page.status_code == 404
    assert "Not found" in page.text
    assert "<script>" not in page.text.replace('<script type="module"', "")


@pytest.mark.parametrize(
    "path", ["/", "/?n=48", "/search", "/items/i0", "/items/i1", "/search?q=%3Cb%3E%22%27"]
)
def test_hostile_titles_stay_text(visitor: TestClient, path: str) -> None:
    visitor.headers["Cookie"] = "ratings=1!5i0!4i1!3i4"
    try:
        page = visitor.get(path)
    finally:
        del visitor.headers["Cookie"]
    read = Read(page.text)
    assert page.status_code == 200
    assert [found.get("src", "")[:8] for found in read.all("script")] == ["/static/"]  # type: ignore[index]
    assert not read.all("img")
    assert not any(name.startswith("on") for _, found in read.tags for name in found)
    assert not any("style" in found for _, found in read.tags)
    assert not read.all("style")


def test_hostile_titles_are_shown_as_they_are(visitor: TestClient) -> None:
    text = "".join(Read(visitor.get("/items/i0").text).text)
    assert "<script>alert(1)</script>" in text
    assert "{{ 7 * 7 }}" in "".join(Read(visitor.get("/items/i4").text).text)
    assert HOSTILE["i4"].startswith("Amélie")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[bad"}, 403),
        ({"Origin": "http://127.0.0.1"}, 303),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({}, 303),
    ],
)
def test_only_our_own_forms_count(
    visitor: TestClient, headers: dict[str, str], status: int
) -> None:
    answer = visitor.post(
        "/rate", content="rate=5+i6", headers={**FORM, **headers}, follow_redirects=False
    )
    assert answer.status_code == status
    assert ("set-cookie" in answer.headers) == (status == 303)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 422),
        ("rate=", 422),
        ("rate=6+i6", 422),
        ("rate=-1+i6", 422),
        ("rate=5", 422),
        ("rate=5+" + "x" * 200, 422),
        ("rate=5+nobody", 404),
        ("rate=%ff", 400),
        ("&".join(f"a{n}=1" for n in range(100)), 400),
        ("\0\0\0=\0", 422),
    ],
)
def test_a_broken_form_is_refused_with_a_page(visitor: TestClient, body: str, status: int) -> None:
    answer = visitor.post("/rate", content=body, headers=FORM, follow_redirects=False)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "back",
    ["//evil.example", "https://evil.example", "/\\evil.example", "", "x", "/\r\nSet-Cookie: a=b"],
)
def test_nobody_is_sent_elsewhere(visitor: TestClient, back: str) -> None:
    answer = visitor.post("/rate", data={"rate": "5 i6", "back": back}, follow_redirects=False)
    assert answer.headers["location"] == "/#card-i6"


def test_the_policy_lets_no_script_in(visitor: TestClient) -> None:
    headers = visitor.get("/").headers
    policy = headers["content-security-policy"]
    for rule in ("default", "script", "style", "img", "connect"):
        assert f"{rule}-src " in policy
    for rule in ("form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_files_are_kept_for_a_year_under_their_hash(visitor: TestClient) -> None:
    read = Read(visitor.get("/").text)
    files = [found["href"] for found in read.all("link")] + [read.all("script")[0]["src"]]
    assert len(files) == 4
    total = len(visitor.get("/").content)
    for file in files:
        assert file is not None
        answer = visitor.get(file)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        total += len(answer.content)
        stem, _, ending = file.split(".")
        other = visitor.get(f"{stem}.0000000000.{ending}")
        assert (other.status_code, other.headers["cache-control"]) == (200, "no-store")
    assert total < 60_000
    assert visitor.get("/static/nothing.js").status_code == 404
    assert visitor.get("/static/..%2f..%2fpages.py").status_code == 404


def test_a_part_is_the_main_part_alone(visitor: TestClient) -> None:
    part = visitor.get("/", headers={"X-Part": "main"}).text
    assert "<main" in part
    assert "<title>" in part
    assert "<header" not in part
    assert "<link" not in part


def test_ids_of_elements_are_unique_and_headings_in_order(visitor: TestClient) -> None:
    rate(visitor, "i6", 5)
    for path in ("/", "/search", "/items/i6", "/items/i8"):
        read = Read(visitor.get(path).text)
        found = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
        assert len(found) == len(set(found)), path
        levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        for label in read.all("label"):
            assert label["for"] in found
        assert read.all("html", lang="en")

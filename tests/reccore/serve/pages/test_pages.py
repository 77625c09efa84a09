"""Templates that escape and complain, files by their hash, and places to go back to."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from starlette.requests import Request

from reccore.serve.pages import Pages
from reccore.serve.pages.assets import Assets
from reccore.serve.pages.forms import local
from reccore.serve.refusal import Refusal


def request() -> Request:
    return Request({"type": "http", "headers": [], "query_string": b"", "path": "/"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "own.css").write_text("a { color: red }")
    text = "{% extends layout %}{% block main %}<b title='{{ word }}'>{{ word }}</b>{% endblock %}"
    (tmp_path / "templates" / "own.html").write_text(text)
    return tmp_path


def test_everything_is_escaped(folder: Path) -> None:
    page = Pages("S", folder).show(request(), "own.html", word="<i>'\"&")
    assert b"<b title='&lt;i&gt;&#39;&#34;&amp;'>&lt;i&gt;&#39;&#34;&amp;</b>" in page.body


def test_what_a_template_lacks_is_an_error(folder: Path) -> None:
    with pytest.raises(UndefinedError):
        Pages("S", folder).show(request(), "own.html")


def test_a_broken_template_shows_at_the_start(folder: Path) -> None:
    (folder / "templates" / "broken.html").write_text("{% if %}")
    with pytest.raises(Exception, match="Expected"):
        Pages("S", folder)


def test_a_refusal_is_a_page_with_its_headers_and_is_counted(folder: Path) -> None:
    counted: list[str] = []
    refusal = Refusal(429, "busy", "more than <can> be", remedy="wait", retry_after=3)
    page = Pages("S", folder, counted.append).refused(request(), refusal)
    assert (page.status_code, page.headers["retry-after"]) == (429, "3")
    assert b"More than &lt;can&gt; be." in page.body
    assert counted == ["busy"]


def test_the_hash_follows_the_content(folder: Path) -> None:
    before = Assets([folder / "static"]).url("own.css")
    assert before == Assets([folder / "static"]).url("own.css")
    (folder / "static" / "own.css").write_text("a { color: blue }")
    assert before != Assets([folder / "static"]).url("own.css")


def test_a_later_folder_stands_in(folder: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    later.mkdir()
    (later / "own.css").write_text("b {}")
    assets = Assets([folder / "static", later])
    assert assets.response(assets.url("own.css").rpartition("/")[2]).body == b"b {}"


@pytest.mark.parametrize("place", ["/", "/search?q=a%20b#card-1", "/items/a"])
def test_places_of_ours(place: str) -> None:
    assert local(place) == place


@given(st.text(), st.sampled_from(["", "/", "//", "/\\", "\\", "https://", "/\t/", "/\n"]))
def test_no_place_leads_away(text: str, begin: str) -> None:
    found = local(begin + text)
    assert found.startswith("/")
    assert not found.startswith("//")
    assert "\\" not in found
    assert found.isprintable()

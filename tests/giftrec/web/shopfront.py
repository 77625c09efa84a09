"""The shop of these tests: the shipped gifts, some with titles that would break a careless page."""

from datetime import date
from html.parser import HTMLParser
from typing import Any

import polars as pl
from httpx import Response
from starlette.testclient import TestClient

from giftrec.catalog.default import demonstration

TODAY = date(2026, 11, 21)  # a Saturday
SENTENCE = "my sister turns 30, loves pottery and hiking, about 60 euros, needs it by Friday"
WISH = (
    "/gifts?who=sibling&age=30&occasion=birthday&hobby=crafts&hobby=hiking"
    "&likes=pottery&budget=66&cur=EUR&by=2026-11-27"
)
SCRIPT = "<script>alert(1)</script> Lantern"
TITLES = {
    "solar-camping-lantern": SCRIPT,
    "oak-record-stand": "\"><img src=x onerror=alert(2)> & 'Stand'; DROP TABLE gifts;--",
    "wrapped-mystery-novel": "Amélie & Söhne {{ 7 * 7 }}",
}
IDS = {"solar-camping-lantern": "a/b ?#%'\"<b>"}
LANTERN = IDS["solar-camping-lantern"]


def tables() -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    """What a catalogue is published from."""
    frames, facts = demonstration(TODAY)
    frames = {
        name: frame.with_columns(pl.col("id" if name == "gifts" else "gift").replace(IDS))
        for name, frame in frames.items()
    }
    titles = {IDS.get(gift, gift): title for gift, title in TITLES.items()}
    gifts = frames["gifts"]
    title = pl.col("id").replace_strict(titles, default=pl.col("title"), return_dtype=pl.String)
    frames["gifts"] = gifts.with_columns(title=title)
    plain = {key: value for key, value in facts.items() if key not in ("demonstration", "notes")}
    return frames, plain


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

    @property
    def cards(self) -> list[str]:
        """Ids of the cards' elements, in order."""
        ids = [found.get("id") or "" for found in self.all("li")]
        return [one.removeprefix("card-") for one in ids if one.startswith("card-")]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    def hidden(self, name: str) -> str:
        """The value of a field of the form that clicks are sent with."""
        return self.all("input", name=name, type="hidden")[-1]["value"] or ""


def click(client: TestClient, page: Response, do: str, **more: str) -> Response:
    """Press a button of a page's cards."""
    read = Read(page.text)
    fields = {name: read.hidden(name) for name in ("at", "id", "page")}
    return client.post("/gifts/do", data={**fields, "do": do, **more})


def button(page: Response, what: str, nth: int = 0) -> str:
    """What the nth button of its kind says."""
    every = [b for b in Read(page.text).all("button") if (b.get("id") or "").startswith(f"{what}-")]
    return every[nth]["value"] or ""

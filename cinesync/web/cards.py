"""Items as cards: a title that reads well, its year, its kind and genres, and why it is there."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cinesync.api.models import Listed
from cinesync.catalogue import Catalogue
from cinesync.web.choices import GENRES, KIND
from cinesync.web.ratings import Ratings
from reccore.bundle.bundle import Bundle
from reccore.serve.refusal import Refusal

DATED = re.compile(r"(.+) \((\d{4})\)", re.DOTALL)
ARTICLE = re.compile(r"(.+), (The|A|An|La|Le|Les|El|Los|Las|Il|Der|Die|Das|L')", re.DOTALL)
KINDS = {"movie": "Film", "tv": "Series"}
HUES = 12  # of the style sheet
CHIPS = 3  # genres of a card


@dataclass(frozen=True)
class Card:
    """One item as it is shown."""

    item: str
    title: str
    year: str
    kind: str
    genres: tuple[str, ...]
    hue: int
    stars: int  # given by the visitor; 0: none
    features: Mapping[str, list[str]]
    offered: bool = True
    because: tuple[str, ...] = ()  # titles that speak for it
    popular: bool = False

    @property
    def key(self) -> str:
        """The id as part of an address, or of an element's name."""
        return quote(self.item, safe="")

    @property
    def page(self) -> str:
        return f"/items/{self.key}"


class Cards:
    """Makes cards of one bundle's items for one visitor."""

    def __init__(self, bundle: Bundle, ratings: Ratings) -> None:
        self._catalogue, self._ratings = Catalogue.of(bundle), ratings
        bags = bundle.items.features.get(GENRES) or bundle.items.features.get(KIND)
        words = () if bags is None else bags.vocabulary
        self._places = {word: place for place, word in enumerate(words)}

    def of(self, listed: Listed, **more: Any) -> Card:
        """Of an item of the catalogue."""
        title, year = titled(listed.title or f"No. {listed.item}")
        features = listed.features
        kind = next(iter(features.get(KIND, [])), "")
        genres = tuple(features.get(GENRES, []))
        return Card(
            listed.item,
            title,
            year or next(iter(features.get("year", [])), ""),
            KINDS.get(kind.lower(), kind),
            genres[:CHIPS],
            sum(self._places.get(word, 0) for word in genres or (kind,)) % HUES,
            self._ratings.stars.get(listed.item, 0),
            features,
            listed.offered,
            **more,
        )

    def found(self, item: str) -> Card | None:
        """Of an id, if there is such an item."""
        try:
            return self.of(self._catalogue.one(item))
        except Refusal:
            return None

    def answered(self, rows: Iterable[dict[str, Any]]) -> list[Card]:
        """Of an answer's items. A version on trial may know some that the catalogue does not."""
        cards = []
        for row in rows:
            try:
                listed = self._catalogue.one(row["item"])
            except Refusal:
                listed = Listed(item=row["item"], title=row["title"], features={}, offered=True)
            because = tuple(
                titled(one["title"] or f"No. {one['item']}")[0] for one in row.get("reasons") or ()
            )
            cards.append(self.of(listed, because=because[:2], popular=row["by"] == "popularity"))
        return cards


def titled(title: str) -> tuple[str, str]:
    """A title as people say it, and its year: `Matrix, The (1999)` is The Matrix of 1999."""
    dated = DATED.fullmatch(title)
    name, year = dated.groups() if dated else (title, "")
    turned = ARTICLE.fullmatch(name)
    if turned:
        rest, article = turned.groups()
        name = f"{article}{rest}" if article.endswith("'") else f"{article} {rest}"
    return name, year

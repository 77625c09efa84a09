"""What a visitor narrows the page down to: a kind, a genre, how varied, how many.

All of it stands in the address, so that a page can be kept, shared and gone back to. What the
address says and nobody knows, after a change of model, say, is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from reccore.bundle.bundle import Bundle

KIND, GENRES = "content_type", "genres"
NAMES = {"movie": "Films", "film": "Films", "tv": "Series", "series": "Series"}
COUNT, STEP, MOST = 12, 12, 48  # items of a page at first, more of them, at most
LONGEST = 100  # characters of a search


@dataclass(frozen=True)
class Option:
    """One word to choose, and how it is shown."""

    word: str
    name: str
    chosen: bool


@dataclass(frozen=True)
class Choices:
    """As the address says."""

    query: str = ""
    kind: str = ""
    genre: str = ""
    mix: int | None = None  # per cent of variety; None: as the model was blessed
    count: int = COUNT
    offset: int = 0

    @classmethod
    def of(cls, given: Mapping[str, str], bundle: Bundle) -> "Choices":
        """What the address asks for and the bundle knows."""
        return cls(
            " ".join(given.get("q", "").split())[:LONGEST],
            _known(bundle, KIND, given.get("kind", "")),
            _known(bundle, GENRES, given.get("genre", "")),
            _number(given.get("mix", ""), None, 0, 100),
            _number(given.get("n", ""), COUNT, 1, MOST) or COUNT,
            _number(given.get("from", ""), 0, 0, 10_000_000) or 0,
        )

    @property
    def only(self) -> dict[str, list[str]]:
        """The features items must have."""
        chosen = {KIND: self.kind, GENRES: self.genre}
        return {feature: [word] for feature, word in chosen.items() if word}

    @property
    def narrowed(self) -> bool:
        return bool(self.kind or self.genre)

    def address(self, path: str) -> str:
        """Where these choices are."""
        said = {
            "q": self.query,
            "kind": self.kind,
            "genre": self.genre,
            "mix": "" if self.mix is None else str(self.mix),
            "n": "" if self.count == COUNT else str(self.count),
            "from": str(self.offset or ""),
        }
        words = urlencode({name: value for name, value in said.items() if value})
        return f"{path}?{words}" if words else path

    def more(self) -> "Choices | None":
        """With more items, while there may be more."""
        return replace(self, count=min(self.count + STEP, MOST)) if self.count < MOST else None

    def at(self, offset: int) -> "Choices":
        return replace(self, offset=max(0, offset))


def kinds(bundle: Bundle, choices: Choices) -> list[Option]:
    """Films or series; none where there is but one kind."""
    words = _words(bundle, KIND)
    if len(words) < 2:
        return []
    named = [Option(word, NAMES.get(word.lower(), word), choices.kind == word) for word in words]
    named.sort(key=lambda one: one.name not in NAMES.values())
    return [Option("", "All", not choices.kind), *named]


def genres(bundle: Bundle, choices: Choices) -> list[Option]:
    """Genres to choose from; none where items have none."""
    words = sorted(_words(bundle, GENRES), key=str.casefold)
    return [Option(word, word, choices.genre == word) for word in words] if len(words) > 1 else []


def _words(bundle: Bundle, feature: str) -> tuple[str, ...]:
    bags = bundle.items.features.get(feature)
    return () if bags is None else bags.vocabulary


def _known(bundle: Bundle, feature: str, word: str) -> str:
    return word if word in _words(bundle, feature) else ""


def _number(text: str, otherwise: int | None, least: int, most: int) -> int | None:
    digits = text.isascii() and text.isdigit() and len(text) <= 9
    return min(max(int(text), least), most) if digits else otherwise

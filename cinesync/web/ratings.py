"""A visitor's ratings, kept by the visitor's own browser in a cookie.

`1!42!35` says, after the version, that item 2 has 4 stars and item 5 has 3, the oldest first. What
cannot be read is left out: a cookie is whatever a browser sends.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from cinesync.api.service import LIKED

COOKIE = "ratings"
VERSION = "1"
MOST = 100  # the latest are kept
ROOM = 3500  # bytes: browsers refuse a cookie of more than 4096, name and all
STARS = range(1, 6)
KEPT = 180 * 86_400  # seconds
LONGEST = 128  # characters of an item's id


@dataclass(frozen=True)
class Ratings:
    """Stars by item, the latest rating last."""

    stars: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.stars)

    @classmethod
    def of(cls, request: Request) -> "Ratings":
        """Those of whoever asks."""
        return cls.parse(request.cookies.get(COOKIE, ""))

    @classmethod
    def parse(cls, text: str) -> "Ratings":
        """From a cookie's value, whatever it holds."""
        version, _, rest = text.partition("!")
        if version != VERSION:
            return cls()
        found: dict[str, int] = {}
        for entry in rest.split("!"):
            read = _read(entry)
            if read is not None:
                item, stars = read
                found.pop(item, None)
                found[item] = stars
        return cls(dict(list(found.items())[-MOST:]))

    def text(self) -> str:
        """The cookie's value: the latest, as many as there is room for."""
        entries: list[str] = []
        room = ROOM
        for item, stars in reversed(list(self.stars.items())[-MOST:]):
            entry = f"!{stars}{quote(item, safe='')}"
            room -= len(entry)
            if room < 0:
                break
            entries.append(entry)
        return VERSION + "".join(reversed(entries))

    def rated(self, item: str, stars: int) -> "Ratings":
        """With one more, or one changed; 0 stars take it back."""
        rest = {one: given for one, given in self.stars.items() if one != item}
        if stars:
            rest[item] = stars
        return Ratings(rest)

    def among(self, known: Collection[str]) -> "Ratings":
        """Of these items alone."""
        return Ratings({item: stars for item, stars in self.stars.items() if item in known})

    @property
    def full(self) -> bool:
        """Whether one more may push out the oldest."""
        size = len(self.text())
        usual = size // max(1, len(self))  # bytes of a rating
        return len(self) >= MOST or size + 2 * usual > ROOM

    @property
    def liked(self) -> list[str]:
        """What speaks for more of the kind, the oldest first."""
        return [item for item, stars in self.stars.items() if stars >= LIKED]

    def keep(self, request: Request, response: Response) -> None:
        """Have the browser keep them instead of those before."""
        if not self.stars:
            response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
            return
        response.set_cookie(
            COOKIE, self.text(), max_age=KEPT, path="/", httponly=True, samesite="strict",
            secure=request.scope["scheme"] == "https",
        )  # fmt: skip


def _read(entry: str) -> tuple[str, int] | None:
    if entry[:1] not in ("1", "2", "3", "4", "5"):
        return None
    try:
        item = unquote(entry[1:], errors="strict")
    except UnicodeDecodeError:
        return None
    return (item, int(entry[0])) if 0 < len(item) <= LONGEST else None

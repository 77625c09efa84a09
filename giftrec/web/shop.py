"""What the page asks of the shop behind it, so that pages do not know how answers are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from giftrec.agent.reply import Reply
from giftrec.agent.wish import Wish
from giftrec.kept import Kept
from giftrec.money import RateTable
from giftrec.vocabulary import Vocabulary

Tells = Literal["up", "down", "swap", "owns", "bought"]
"""What a shopper says of a gift that was shown."""


@dataclass(frozen=True)
class Found:
    """An answer; `id` is what a share link stands on, none where it could not be kept."""

    reply: Reply
    id: str | None


class Shop(Protocol):
    """Answers wishes."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def currencies(self) -> tuple[str, ...]:
        """What shoppers may pay in; the usual one first."""
        ...

    @property
    def rates(self) -> RateTable | None: ...

    @property
    def size(self) -> int:
        """How many gifts there are."""
        ...

    def today(self) -> date: ...

    def titles(self, gifts: Sequence[str]) -> dict[str, str]:
        """Of the gifts that the catalogue has."""
        ...

    def ratings(self, gifts: Sequence[str]) -> dict[str, tuple[float, int]]:
        """Mean stars and how many rated, of the gifts that anybody rated."""
        ...

    async def find(self, wish: Wish) -> Found:
        """Gifts for a wish."""
        ...

    async def kept(self, id: str) -> Kept | None:
        """A recommendation that was made; none: never, or no longer kept."""
        ...

    async def tell(self, kind: Tells, gift: str, id: str) -> bool:
        """Feedback on a gift of a recommendation; whether it is stored."""
        ...

"""What is read of a gift: a head (title and category), a body (description), what they weigh."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from giftrec.schema import Gift
from giftrec.text.words import LONGEST_TEXT
from reccore.errors import UserError

HEAD, BODY = 0.6, 0.4  # of a gift that has both
READ = ("title", "description", "category")


@dataclass(frozen=True)
class GiftTexts:
    """G gifts as texts; a missing text is empty."""

    ids: tuple[str, ...]
    heads: tuple[str, ...]
    bodies: tuple[str, ...]

    @classmethod
    def of(cls, gifts: pl.DataFrame) -> "GiftTexts":
        """A snapshot's gifts: columns id, title and, where there are any, description, category."""
        missing = {"id", "title"} - set(gifts.columns)
        if missing:
            raise UserError(f"the gifts have no column {min(missing)!r}", "id and title are needed")
        columns = {
            name: gifts[name].cast(pl.String).fill_null("").to_list()
            if name in gifts.columns
            else [""] * len(gifts)
            for name in ("id", *READ)
        }
        heads = (
            ". ".join(part for part in (title.strip(), plain(category)) if part)[:LONGEST_TEXT]
            for title, category in zip(columns["title"], columns["category"], strict=True)
        )
        bodies = (text.strip()[:LONGEST_TEXT] for text in columns["description"])
        return cls(tuple(columns["id"]), tuple(heads), tuple(bodies))

    @classmethod
    def of_records(cls, gifts: Iterable[Gift]) -> "GiftTexts":
        """The gifts that ship, or a user's own file of them."""
        rows = [(gift.id, gift.title, gift.description, gift.category) for gift in gifts]
        schema = dict.fromkeys(("id", *READ), pl.String)
        return cls.of(pl.DataFrame(rows, schema=schema, orient="row"))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def whole(self) -> list[str]:
        return [f"{head}\n{body}" for head, body in zip(self.heads, self.bodies, strict=True)]

    @property
    def fingerprint(self) -> str:
        """Of the texts and their order, whatever file they came from."""
        digest = hashlib.sha256()
        for parts in zip(self.ids, self.heads, self.bodies, strict=True):
            for part in parts:
                content = part.encode("utf-8", "surrogatepass")
                digest.update(len(content).to_bytes(8, "little") + content)
        return digest.hexdigest()


def plain(term: str) -> str:
    """A term of a vocabulary, or a shop's path of categories, as words."""
    return " ".join(term.replace("_", " ").replace(">", ", ").replace("|", ", ").split())

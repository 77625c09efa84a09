"""Words of gifts and of questions, folded alike, and how well a gift fits a question.

Folded: lower case, no accents, no plural endings. Every word of a question must be there; the last
one may be unfinished, so that typing narrows the answer.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from giftrec.schema import Record

UNFINISHED = 3  # letters from which the last word of a question may go on
LONGEST = 40  # letters of a word that are looked at
MOST_WORDS = 12  # of a question
TITLE, TITLE_START, BODY, BODY_START = 4, 2, 1, 0.5  # what finding a word there is worth


class Filters(Record):
    """What must hold of a gift beside its words. Prices are minor units."""

    category: str | None = None
    dearest: int | None = Field(None, ge=0, description="known price, at most")
    cheapest: int | None = Field(None, ge=0, description="known price, at least")
    age: int | None = Field(None, ge=0, le=130, description="within the stated ages, if any are")
    hobby: str | None = None
    preference: str | None = None
    occasion: str | None = None
    brand: str | None = Field(None, description="as written, whatever its case")
    stars: Annotated[float, Field(ge=1, le=5)] | None = None
    in_stock: bool = Field(False, description="some shop states that it has it")

    def holds(self) -> list[pl.Expr]:
        """Conditions over the gifts table (with `stock`, all shops' together)."""
        wanted: list[pl.Expr] = []
        if self.category is not None:
            wanted.append(pl.col("category") == self.category)
        if self.dearest is not None:
            wanted.append(pl.col("price") <= self.dearest)
        if self.cheapest is not None:
            wanted.append(pl.col("price") >= self.cheapest)
        if self.age is not None:
            wanted.append(pl.col("age_low").fill_null(0) <= self.age)
            wanted.append(pl.col("age_high").fill_null(self.age) >= self.age)
        for name, word in (
            ("hobbies", self.hobby),
            ("preferences", self.preference),
            ("occasions", self.occasion),
        ):
            if word is not None:
                wanted.append(pl.col(name).list.contains(word))
        if self.brand is not None:
            wanted.append(pl.col("brand").str.to_lowercase() == self.brand.lower())
        if self.stars is not None:
            wanted.append(pl.col("stars") >= self.stars)
        if self.in_stock:
            wanted.append(pl.col("stock").fill_nan(0) > 0)
        return wanted


@dataclass(frozen=True)
class Hits:
    """The best gifts for a question; `total` counts those beyond the limit too."""

    total: int
    gifts: pl.DataFrame  # the gifts table's columns and `fit`, best first


def folded(text: pl.Expr) -> pl.Expr:
    """The words of each text, as they are compared: a list of strings."""
    plain = (
        text.str.normalize("NFKD")
        .str.replace_all(r"\p{M}", "")
        .str.to_lowercase()
        .str.replace_all("ß", "ss", literal=True)
        .str.replace_all("['’]s?\\b", "")
    )
    return plain.str.extract_all(r"[\p{L}\p{N}]+").list.eval(_singular(pl.element()))


def _singular(word: pl.Expr) -> pl.Expr:
    """Without a plural's ending, roughly: boxes, berries and trains are box, berry and train."""
    return (
        word.str.slice(0, LONGEST)
        .str.replace(r"^(.+(?:x|ch|sh|ss))es$", "$1")
        .str.replace(r"^(.{2,})ies$", "${1}y")
        .str.replace(r"^(.{2,}[^sui])s$", "$1")
    )


@lru_cache(maxsize=1024)
def question_words(text: str) -> tuple[str, ...]:
    """The different words of a question, in its order."""
    words = pl.select(folded(pl.lit(text, dtype=pl.String))).item().to_list()
    return tuple(dict.fromkeys(words))[:MOST_WORDS]


def index_of(gifts: pl.DataFrame) -> pl.DataFrame:
    """word, number, title: every word of every gift once, and whether its title has it."""
    body = pl.concat_str(
        [pl.col(name).fill_null("") for name in ("description", "shelf", "brand", "category")],
        separator=" ",
    )

    def words(text: pl.Expr, title: bool) -> pl.DataFrame:
        listed = gifts.select("number", folded(text).list.unique().alias("word"))
        return listed.explode("word").drop_nulls().with_columns(title=pl.lit(title))

    both = pl.concat([words(pl.col("title"), True), words(body, False)])
    index = both.group_by("word", "number").agg(pl.col("title").any())
    return index.select("word", "number", "title").sort("word", "number")


def fit_of(
    number: npt.NDArray[np.int64],
    title: npt.NDArray[np.bool_],
    whole: npt.NDArray[np.bool_],
    gifts: int,
) -> npt.NDArray[np.float64]:
    """[G] what one word of the question is worth for each gift: its best place there, 0 if none."""
    worth = np.where(whole, np.where(title, TITLE, BODY), np.where(title, TITLE_START, BODY_START))
    best = np.zeros(gifts)
    np.maximum.at(best, number, worth)
    return best

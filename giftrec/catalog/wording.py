"""Hobbies, preferences, occasions and category of an imported gift, by plain word rules.

A term is given to a gift when its words stand in the title (weight 3), in the shop's own category
(2) or in the description (1; the term itself 2) with a weight of at least 2 together; each word
counts once a place. The strongest terms are kept. It is a rule to be read and changed
(`words.toml`), not a model: meanings that no word shows are for semantic matching.
"""

import tomllib
from functools import lru_cache
from importlib.resources import files

import polars as pl

from giftrec.catalog.search import folded
from giftrec.vocabulary import Vocabulary

PLACES = {"title": 3, "shelf": 2, "description": 1}  # what a word weighs there
ENOUGH = 2
KEPT = {"hobby": 3, "preference": 3, "occasion": 4, "category": 1}
COLUMNS = {"hobby": "hobbies", "preference": "preferences", "occasion": "occasions"}
HOW = (
    "hobbies, preferences, occasions and category by word rules: words of a term in title "
    "(weight 3), shop's category (2), description (1, the term itself 2); terms of weight 2 or "
    "more, the strongest 3 hobbies, 3 preferences, 4 occasions, 1 category; what a source states "
    "itself is kept"
)


@lru_cache(maxsize=4)
def _written() -> dict[str, dict[str, list[str]]]:
    text = files(__package__).joinpath("words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def rules_of(vocabulary: Vocabulary) -> pl.DataFrame:
    """words, factor, term, own: one or two folded words that speak for a term, each once, and
    whether they are the term itself."""
    rows = []
    for factor in KEPT:
        written = _written()[factor]
        for term in vocabulary.levels(factor):
            own = [term.replace("_", " ")]
            if factor == "category":
                own += vocabulary.gift_categories[term].split()
            both = dict.fromkeys(own + written.get(term, []))
            rows += [(words, factor, term, words == own[0]) for words in both]
    schema = ["words", "factor", "term", "own"]
    table = pl.DataFrame(rows, schema=schema, orient="row")
    table = table.with_columns(folded(pl.col("words")).list.join(" "))
    return table.group_by("words", "factor", "term", maintain_order=True).agg(pl.col("own").any())


def found_terms(gifts: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """number, factor, term, weight: all that the rules find, strongest first."""
    rules = rules_of(vocabulary)
    found = []
    for place, weight in PLACES.items():
        texts = gifts.select("number", folded(pl.col(place).fill_null("")).alias("words"))
        single = texts.explode("words").drop_nulls()
        pairs = single.with_columns(
            words=pl.col("words") + " " + pl.col("words").shift(-1).over("number")
        ).drop_nulls()
        hits = pl.concat([single, pairs]).join(rules, on="words").unique()
        clear = pl.when("own").then(max(weight, ENOUGH)).otherwise(weight)
        found.append(hits.with_columns(weight=clear.cast(pl.Int64)))
    terms = [term for factor in KEPT for term in vocabulary.levels(factor)]
    order = pl.DataFrame({"term": terms, "order": range(len(terms))}).unique("term", keep="first")
    return (
        pl.concat(found)
        .group_by("number", "factor", "term")
        .agg(pl.col("weight").sum())
        .filter(pl.col("weight") >= ENOUGH)
        .join(order, on="term")
        .sort("number", "factor", "weight", "order", descending=[False, False, True, False])
        .drop("order")
    )


def worded(
    gifts: pl.DataFrame, vocabulary: Vocabulary, category: str | None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The gifts with their terms; what a gift already has is kept. `category` is that of gifts
    which no word places. Also: how many gifts the rules gave each kind of term, and how many
    took the default category."""
    best = found_terms(gifts, vocabulary)
    tables = {
        factor: best.filter(pl.col("factor") == factor)
        .group_by("number", maintain_order=True)
        .agg(pl.col("term").head(kept).alias("found"))
        for factor, kept in KEPT.items()
    }
    counts = {factor: table.height for factor, table in tables.items()}
    for factor, column in COLUMNS.items():
        gifts = (
            gifts.join(tables[factor], on="number", how="left", maintain_order="left")
            .with_columns(
                pl.when(pl.col(column).list.len().fill_null(0) > 0)
                .then(pl.col(column))
                .otherwise(pl.col("found").fill_null([]))
                .alias(column)
            )
            .drop("found")
        )
    gifts = gifts.join(tables["category"], on="number", how="left", maintain_order="left")
    placed = pl.coalesce("category", pl.col("found").list.first())
    unplaced = int(gifts.select(placed.is_null().sum()).item())
    gifts = gifts.with_columns(
        placed.fill_null(pl.lit(category, dtype=pl.String)).alias("category")
    )
    return gifts.drop("found"), {**counts, "default category": unplaced}

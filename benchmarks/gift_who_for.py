"""Who bought what for whom: the agent's own ranking of what was really bought.

    python -m benchmarks.gift_who_for

The mentions and the rivals are those of `benchmarks.gift_text`: reviews that say for whom a toy was
bought, and for rivals popularity, TF-IDF and embeddings alone. Nothing is trained or tuned on the
mentions. The agent reads the same sentence as the rivals; what it understands (relationship, age,
occasion, interests) becomes a wish without a bound on the budget, and its ranking is that of the
expected satisfaction before any tool is asked, over the whole catalogue.
"""

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.gift_text import GROUPS, HIT, mentions, products, query, ranks, scores_of
from benchmarks.record import append, done, rows
from giftrec.agent.agent import Agent
from giftrec.agent.facts import nothing
from giftrec.agent.settings import AgentSettings
from giftrec.agent.storefront import Storefront
from giftrec.agent.wish import Wish
from giftrec.asking import from_sentence
from giftrec.bundle.bundle import GiftBundle
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.sources.listing import ages_within
from giftrec.catalog.wording import worded
from giftrec.catalog.writing import write_snapshot
from giftrec.checkpoints import CHECKPOINTS, RELEASED
from giftrec.money import Money
from giftrec.text.encoder import choose
from giftrec.tools.provider import SnapshotProvider
from giftrec.tools.runner import Runner
from giftrec.vocabulary import default_vocabulary
from reccore.data.seeds import rng
from reccore.metrics.intervals import interval

NAME = "gift_who_for"
Floats = npt.NDArray[np.float64]
RIVALS = ("popularity", "tfidf", "tfidf-svd", "embeddings", "embeddings index")
TODAY = date(2026, 11, 2)
PRICE = 1000  # of every toy: the data states few, and no budget was mentioned
RESAMPLES = 2000


def snapshot_of(gifts: pl.DataFrame, folder: Path) -> Snapshot:
    """The products as a catalogue: the words and ages that an import would find in their texts."""
    ages = [ages_within(text or "").value or (None, None) for text in gifts["description"]]
    table, _ = worded(
        gifts.select(
            "id",
            "title",
            pl.col("description").fill_null(""),
            shelf="category",
            category=pl.lit(None, dtype=pl.String),
            price=pl.lit(PRICE, dtype=pl.Int64),
            currency=pl.lit("GBP"),
            ratings=pl.col("reviews").cast(pl.Int64),
            age_low=pl.Series([low for low, _ in ages], dtype=pl.Int64),
            age_high=pl.Series([high for _, high in ages], dtype=pl.Int64),
            hobbies=pl.lit([], dtype=pl.List(pl.String)),
            preferences=pl.lit([], dtype=pl.List(pl.String)),
            occasions=pl.lit([], dtype=pl.List(pl.String)),
            number=pl.int_range(pl.len(), dtype=pl.Int64),
        ),
        default_vocabulary(),
        "games",
    )
    path = folder / "products.duckdb"
    facts = {"currency": "GBP", "as_of": TODAY.isoformat()}
    write_snapshot(path, {"gifts": table}, facts)
    return Snapshot.open(path)


def agent_scores(gifts: pl.DataFrame, asked: list[dict[str, Any]]) -> Floats:
    """[Q, P] expected satisfaction of each product, before any tool is asked."""
    bundle = GiftBundle.open(CHECKPOINTS / RELEASED)
    with tempfile.TemporaryDirectory() as folder:
        snapshot = snapshot_of(gifts, Path(folder))
        front = Storefront.of(snapshot, bundle, choose("auto"))
        settings = AgentSettings(candidates=len(gifts), shortlist=1, explain=False)
        runner = Runner(SnapshotProvider(snapshot).prepare())
        agent = Agent(front, runner, settings)
        scores = np.full((len(asked), len(gifts)), -1.0)
        for row, mention in enumerate(asked):
            asking = agent.begin(wish_of(query(mention), bundle))
            expected = asking.seen.rewards(asking.who, nothing(len(asking.found.gifts)))
            scores[row, asking.found.gifts] = expected.raised(asking.bonus[None]).expected[0]
        runner.close()
        snapshot.close()
    return scores


def wish_of(sentence: str, bundle: GiftBundle) -> Wish:
    heard = from_sentence(sentence, TODAY, bundle.vocabulary, currency="GBP")
    rich = heard.wish.profile.model_copy(
        update={"budget": Money(minor=100 * PRICE, currency="GBP"), "days_left": 60}
    )
    return heard.wish.model_copy(update={"profile": rich, "needed_by": None})


def measure(group: str) -> None:
    if done(NAME, group):
        return
    source, described, descriptions = GROUPS[group]
    gifts = products(source, described, descriptions)
    place = {name: row for row, name in enumerate(gifts["id"])}
    asked = [mention for mention in mentions(source) if mention["product_id"] in place]
    bought = np.array([place[mention["product_id"]] for mention in asked])
    own = ranks(agent_scores(gifts, asked).astype(np.float32), bought)
    sentences = [query(mention) for mention in asked]
    rivals = {name: ranks(scores_of(name, gifts, sentences), bought) for name in RIVALS}
    append(
        NAME,
        group,
        products=len(gifts),
        mentions=len(asked),
        agent={"hit": float((own <= HIT).mean()), "log rank": mean_of(np.log(own))},
        rivals={
            name: {
                "hit": float((theirs <= HIT).mean()),
                "log rank": mean_of(np.log(theirs)),
                "agent less": mean_of(np.log(own) - np.log(theirs)),
            }
            for name, theirs in rivals.items()
        },
    )


def mean_of(values: Floats) -> list[float]:
    """The mean, with its 95% interval: mentions resampled."""
    draw = rng(0, NAME).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = interval(values[draw].mean(axis=1))
    assert low is not None
    assert high is not None
    return [round(float(v), 4) for v in (values.mean(), low, high)]


def markdown() -> str:
    lines = [
        "| products | mentions | agent: hit@20, log rank | rival | hit@20, log rank | agent less |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows(NAME):
        own = row["agent"]
        for name, theirs in row["rivals"].items():
            less, low, high = theirs["agent less"]
            lines.append(
                f"| {row['key']} ({row['products']:,}) | {row['mentions']} | {own['hit']:.3f}, "
                f"{own['log rank'][0]:.2f} | {name} | {theirs['hit']:.3f}, "
                f"{theirs['log rank'][0]:.2f} | {less:+.2f} ({low:+.2f} .. {high:+.2f}) |"
            )
    return "\n".join(lines)


def main() -> None:
    for group in GROUPS:
        measure(group)


if __name__ == "__main__":
    main()

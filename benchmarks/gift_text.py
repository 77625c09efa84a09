"""Text alone against real gifts and written-down probes: the baselines the gift agent must beat.

    python -m benchmarks.gift_text                  # go on where the last call stopped
    python -m benchmarks.gift_text --only mentions

*mentions*: a review says for whom a product was bought; where does the product really bought rank
among all products of its source, given only that? Nothing is trained on mentions. *probes*: what
each of the vocabulary's hobbies, and 60 free words written down beforehand
(`gift_text_probes.toml`), find among the shipped gifts. *cost*: time, memory, rounding.

Every toy of the mentions is one of the described ones, since only those come with reviews; so that
having a description is no tell, the test among all 10,000 reads titles and categories only.
"""

import argparse
import resource
import time
import tomllib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.record import Row, append, data_root, done, rows
from giftrec.catalog.gifts import default_gifts, many_gifts
from giftrec.text.encoder import Wanted, choose
from giftrec.text.gift_texts import GiftTexts, plain
from giftrec.text.index import TextIndex, gift_vectors
from giftrec.text.sparse import Floats, Numbers
from giftrec.text.terms import SURE
from giftrec.text.tfidf import Counted, Weighted, Weights
from giftrec.vocabulary import default_vocabulary
from reccore.metrics.intervals import interval, resampled_means

NAME = "gift_text"
RESAMPLES, SEED = 2000, 0
HIT = 20
AGAIN = "_again"  # the second set of free words
SCORERS = ("popularity", "tfidf", "tfidf-svd", "tfidf index", "embeddings", "embeddings index")
INDEXES: tuple[Wanted, ...] = ("tfidf", "minilm")
GROUPS = {  # name -> (source, only those of the 863 described toys, descriptions are read)
    "toys, described": ("toys_promptcloud", True, True),
    "toys, all by title": ("toys_promptcloud", False, False),
    "toys, all": ("toys_promptcloud", False, True),
    "datafiniti": ("datafiniti", False, True),
    "alexa": ("alexa", False, True),
    "books": ("books_rating", False, True),
}


def query(mention: dict[str, Any]) -> str:
    """A mention as one text, as somebody might type it; the product is not in it."""
    parts = ["gift for"]
    if mention["age"] is not None:
        parts.append(f"{mention['age']:g} year old")
    parts.append(plain(mention["relationship"] or "somebody"))
    if mention["interests"]:
        parts.append("who likes " + ", ".join(mention["interests"]))
    if mention["occasion"]:
        parts.append("for " + plain(mention["occasion"]))
    return " ".join(parts)


def products(source: str, described: bool, descriptions: bool) -> pl.DataFrame:
    root = data_root()
    found = pl.read_ndjson(root / "gifts" / "products.jsonl", infer_schema_length=None)
    found = found.filter(pl.col("source") == source)
    if described:
        known = pl.read_csv(root / "toys" / "toys863.csv", infer_schema_length=0)
        found = found.join(known.select(title="product_name").unique(), on="title", how="semi")
    return found.select(
        "id",
        "title",
        description=pl.col("description") if descriptions else pl.lit(""),
        category=pl.coalesce("subcategory", "category"),
        reviews=pl.col("n_reviews").fill_null(0),
    )


def mentions(source: str) -> list[dict[str, Any]]:
    found = pl.read_ndjson(data_root() / "gifts" / "who_for.jsonl", infer_schema_length=None)
    return found.filter(pl.col("source") == source).sort("id").to_dicts()


def scores_of(scorer: str, gifts: pl.DataFrame, asked: Sequence[str]) -> Floats:
    """[Q, P] higher is nearer."""
    texts = GiftTexts.of(gifts)
    if scorer == "popularity":
        reviews = gifts["reviews"].to_numpy().astype(np.float32)
        return np.tile(reviews, (len(asked), 1))
    if scorer == "tfidf":
        return plain_tfidf(texts.whole, asked)
    index = index_of(scorer.removesuffix(" index"), texts)
    if scorer.endswith("index"):
        return np.stack([index.match([text]).wishes[0] for text in asked])
    found: Floats = index.queries.encode(asked) @ index.vectors.T
    return found


@lru_cache(maxsize=1)
def _built(encoder: str, texts: GiftTexts) -> TextIndex:
    return TextIndex.build(texts, choose("tfidf" if encoder == "tfidf" else "minilm"))


def index_of(scorer: str, texts: GiftTexts) -> TextIndex:
    return _built("tfidf" if scorer.startswith("tfidf") else "minilm", texts)


def plain_tfidf(texts: Sequence[str], asked: Sequence[str]) -> Floats:
    """Cosines of TF-IDF rows of words, nothing folded."""
    counted = Counted.of([*texts, *asked])
    known = Counted.of(texts)
    weighted = Weighted.of(counted, Weights.of(known)).texts
    both = weighted.take(np.arange(len(texts), len(counted.texts)))
    dense = np.zeros((weighted.width, len(asked)), dtype=np.float32)
    dense[both.columns, both.rows] = both.values
    return weighted.take(np.arange(len(texts))).times(dense).T


def ranks(scores: Floats, bought: Numbers) -> Numbers:
    """1-based rank of what was bought; ties share the middle of their places."""
    own = scores[np.arange(len(bought)), bought][:, None]
    better, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1)
    middle: Numbers = better + (equal + 1) / 2
    return middle


def measure_mentions(group: str, scorer: str) -> None:
    key = f"mentions/{group}/{scorer}"
    if done(NAME, key):
        return
    print(key, flush=True)
    gifts = products(*GROUPS[group])
    found = mentions(GROUPS[group][0])
    places = {gift: row for row, gift in enumerate(gifts["id"].to_list())}
    bought = np.array([places[mention["product_id"]] for mention in found], dtype=np.int64)
    began = time.perf_counter()
    rank = ranks(scores_of(scorer, gifts, [query(mention) for mention in found]), bought)
    values = np.column_stack([rank <= HIT, np.log(rank)]).astype(np.float64)
    draws = resampled_means(values, RESAMPLES, SEED)
    append(
        NAME,
        key,
        products=len(gifts),
        mentions=len(found),
        hit=[float(values[:, 0].mean()), *interval(draws[:, 0])],
        log_rank=[float(values[:, 1].mean()), *interval(draws[:, 1])],
        chance_hit=min(1.0, HIT / len(gifts)),
        ranks=[float(one) for one in rank],
        seconds=round(time.perf_counter() - began, 1),
    )


def difference(group: str, first: str, second: str) -> list[float | None]:
    """Mean log-rank of the first less the second's, mentions paired: below 0 is better."""
    measured = {row["key"]: row for row in rows(NAME)}
    a, b = (
        np.log(np.array(measured[f"mentions/{group}/{name}"]["ranks"])) for name in (first, second)
    )
    draws = resampled_means((a - b)[:, None], RESAMPLES, SEED)[:, 0]
    return [float((a - b).mean()), *interval(draws)]


def probes() -> dict[str, Any]:
    path = Path(__file__).with_name("gift_text_probes.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def measure_hobbies(encoder: Wanted, count: int) -> None:
    """The share of the ten best gifts of each hobby's own name that carry that hobby."""
    key = f"hobbies/{count}/{encoder}"
    if done(NAME, key):
        return
    print(key, flush=True)
    gifts = default_gifts() if count == 45 else many_gifts(count, 3)
    index = TextIndex.build(GiftTexts.of_records(gifts), choose(encoder))
    by_id = {gift.id: gift for gift in gifts}
    found, most = {}, {}
    for hobby in default_vocabulary().levels("hobby"):
        top = index.best(plain(hobby), 10)
        found[hobby] = sum(hobby in by_id[gift].hobbies for gift, _ in top) / 10
        most[hobby] = min(10, sum(hobby in gift.hobbies for gift in gifts)) / 10
    append(
        NAME,
        key,
        share=float(np.mean(list(found.values()))),
        possible=float(np.mean(list(most.values()))),
        of_possible=float(np.mean([found[h] / most[h] for h in found if most[h]])),
        each=found,
        possible_each=most,
    )


def measure_words(encoder: Wanted, which: str = "") -> None:
    """Free words: are the gifts they should reach found, and the hobby they mean?"""
    key = f"words{which}/45/{encoder}"
    if done(NAME, key):
        return
    print(key, flush=True)
    index = TextIndex.build(GiftTexts.of_records(default_gifts()), choose(encoder))
    asked = probes()
    first, top3, inverse, said_far = [], [], [], []
    each: dict[str, tuple[int, str | None, float]] = {}
    for word, wanted in asked["words" + which].items():
        order = [gift for gift, _ in index.best(word, len(index))]
        rank = min(order.index(gift) for gift in wanted["gifts"]) + 1
        first.append(rank == 1)
        top3.append(rank <= 3)
        inverse.append(1 / rank)
        said_far.append(bool(index.match([word]).far))
        near = index.nearest_terms(word, "hobby", 1)
        each[word] = (rank, near[0].term, near[0].confidence) if near else (rank, None, 0.0)
    mapped = {word: w["hobbies"] for word, w in asked["words" + which].items()}
    sure = [w for w, (_, term, sureness) in each.items() if term and sureness >= SURE]
    append(
        NAME,
        key,
        words=len(first),
        hit_1=float(np.mean(first)),
        hit_3=float(np.mean(top3)),
        mean_inverse_rank=float(np.mean(inverse)),
        wrongly_far=float(np.mean(said_far)),
        rightly_far=float(
            np.mean([bool(index.match([word]).far) for word in asked["far" + which]])
        ),
        hobby_found=float(
            np.mean([each[word][1] in hobbies for word, hobbies in mapped.items() if hobbies])
        ),
        mapped=len(sure) / len(each),
        mapped_right=float(np.mean([each[word][1] in mapped[word] for word in sure])),
        each=each,
    )


def measure_cost(encoder: Wanted, of: str, count: int, sample: int) -> None:
    """Building for `count` gifts (from a sample where all would take long), and asking."""
    key = f"cost/{of} {count}/{encoder}"
    if done(NAME, key):
        return
    print(key, flush=True)
    if of == "toys":
        texts = GiftTexts.of(products("toys_promptcloud", False, True).sample(sample, seed=SEED))
    else:
        texts = GiftTexts.of_records(many_gifts(sample, 3))
    choice = choose(encoder)
    began, before = time.perf_counter(), peak()
    index = TextIndex.build(texts, choice)
    seconds = time.perf_counter() - began
    asked = list(probes()["words"])
    waits = []
    for word in asked:
        start = time.perf_counter()
        index.match([word])
        waits.append(time.perf_counter() - start)
    again = []
    for word in asked:
        start = time.perf_counter()
        index.match([word])
        again.append(time.perf_counter() - start)
    append(
        NAME,
        key,
        measured_gifts=sample,
        build_seconds=round(seconds * count / sample, 1),
        estimated=sample < count,
        peak_mib_before=before,
        peak_mib=peak(),
        stored_mib=round(index.vectors.nbytes / 2 / sample * count / 2**20, 1),
        match_ms=[round(1e3 * float(np.quantile(waits, q)), 2) for q in (0.5, 0.99)],
        match_again_ms=[round(1e3 * float(np.quantile(again, q)), 2) for q in (0.5, 0.99)],
    )


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def measure_rounding(encoder: Wanted) -> None:
    """What float16 and int8 change of the ten best of 300 queries (titles of other toys)."""
    key = f"rounding/{encoder}"
    if done(NAME, key):
        return
    print(key, flush=True)
    texts = GiftTexts.of(products("toys_promptcloud", True, True))
    choice = choose(encoder)
    index = TextIndex.build(texts, choice)
    whole = gift_vectors(texts, index.encoder)
    asked = index.encoder.encode([plain(head) for head in texts.heads[:300]])
    truth = best_ten(asked @ whole.T)
    step = np.abs(whole).max(axis=1, keepdims=True) / 127
    small = np.round(whole / np.maximum(step, 1e-12)) * step
    append(
        NAME,
        key,
        float16=agreement(truth, best_ten(asked @ index.vectors.T)),
        int8=agreement(truth, best_ten(asked @ small.astype(np.float32).T)),
    )


def best_ten(scores: Floats) -> Numbers:
    return np.argsort(-scores, axis=1, kind="stable")[:, :10]


def agreement(truth: Numbers, found: Numbers) -> float:
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, found, strict=True)]))


def all_mentions() -> None:
    for group in GROUPS:
        for scorer in SCORERS:
            measure_mentions(group, scorer)


def all_probes() -> None:
    for encoder in INDEXES:
        measure_words(encoder)
        measure_words(encoder, AGAIN)
        measure_hobbies(encoder, 45)
        measure_hobbies(encoder, 1000)


def all_costs() -> None:
    measure_cost("tfidf", "toys", 10_000, 10_000)
    measure_cost("minilm", "toys", 10_000, 1_000)
    measure_cost("minilm", "generated", 100_000, 2_000)
    measure_cost("tfidf", "generated", 100_000, 100_000)
    for encoder in INDEXES:
        measure_rounding(encoder)


PARTS: dict[str, Callable[[], None]] = {
    "mentions": all_mentions,
    "probes": all_probes,
    "costs": all_costs,
}


def markdown() -> str:
    """Tables for RESULTS.md."""
    measured = {row["key"]: row for row in rows(NAME)}
    lines = [
        "| products | scorer | mentions | hit@20 | mean log rank | log rank less popularity's |",
        "|---|---|---|---|---|---|",
    ]
    for group in GROUPS:
        for scorer in SCORERS:
            row = measured.get(f"mentions/{group}/{scorer}")
            if row is not None:
                versus = _cell(difference(group, scorer, "popularity"))
                lines.append(
                    f"| {group} ({row['products']}) | {scorer} | {row['mentions']} "
                    f"| {_cell(row['hit'])} | {_cell(row['log_rank'])} | {versus} |"
                )
    return "\n".join([*lines, "", *_probe_lines(measured)])


def _probe_lines(measured: dict[str, Row]) -> list[str]:
    lines = [
        "| encoder | free words | first | in 3 | hobby | said far, wrongly | rightly "
        "| hobbies' top 10, of what is possible: 45 gifts | 1,000 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for encoder, which in ((e, w) for e in INDEXES for w in ("", AGAIN)):
        row = measured.get(f"words{which}/45/{encoder}")
        if row is not None:
            cells = [row[n] for n in ("hit_1", "hit_3", "hobby_found", "wrongly_far")]
            cells += [row["rightly_far"]]
            cells += [measured[f"hobbies/{n}/{encoder}"]["of_possible"] for n in (45, 1000)]
            lines.append(
                f"| {encoder} | {row['words']} | "
                + " | ".join(f"{cell:.2f}" for cell in cells)
                + " |"
            )
    return lines


def _cell(figure: Sequence[float | None]) -> str:
    value, low, high = figure
    return f"{value:.3f}" if low is None else f"{value:.3f} ({low:.3f} .. {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    only = parser.parse_args().only
    for name, part in PARTS.items():
        if only in (None, name):
            part()
    print(markdown())


if __name__ == "__main__":
    main()

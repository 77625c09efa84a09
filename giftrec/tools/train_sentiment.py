"""Learn how many stars the words of a review are worth, from reviews with stars.

    python -m giftrec.tools.train_sentiment --out sentiment.json              # generated reviews
    python -m giftrec.tools.train_sentiment --reviews reviews.csv --out sentiment.json
    python -m giftrec.tools.train_sentiment --catalogue gifts.duckdb --out sentiment.json

A file (CSV, JSONL or Parquet) has the columns `stars` and `text`, and may have `gift`: reviews of
one gift then stay together when the strength of the penalty and the calibration are chosen.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from giftrec.tools.feelings import Part
from giftrec.tools.sentiment import TrainedReader, read, terms
from giftrec.tools.tables import Floats
from reccore.errors import UserError, need

Stars = npt.NDArray[np.int64]
STRENGTHS = (0.3, 1.0, 3.0, 10.0)  # C of the logistic regression
FOLDS = 5
MOST_TERMS = 6000
FEWEST = 50  # reviews
GENERATED_GIFTS = 3000


def fit(
    texts: Sequence[str], stars: Stars, groups: npt.ArrayLike | None = None, name: str = "reviews"
) -> TrainedReader:
    """A reader that has learned from these reviews."""
    if len(texts) < FEWEST or len(set((stars > 3).tolist())) < 2:
        raise UserError(
            f"{len(texts)} reviews with stars are too few, or all of one mind",
            f"at least {FEWEST}, good and bad",
        )
    reviews = [read(text) for text in texts]
    blank = _blank(reviews, name)
    return fitted(blank, reviews, stars, groups)


def _blank(reviews: Sequence[Sequence[Part]], name: str) -> TrainedReader:
    """The terms that occur often enough, without weights."""
    holding: Counter[str] = Counter()
    for parts in reviews:
        holding.update(terms(parts).keys())
    fewest = 2 if len(reviews) < 20_000 else 5
    kept = sorted(t for t, n in holding.most_common(MOST_TERMS) if n >= fewest)
    idf = np.array([np.log((1 + len(reviews)) / (1 + holding[t])) + 1 for t in kept])
    zeros = np.zeros((len(kept) + 6, 4))
    return TrainedReader(name, {t: v for v, t in enumerate(kept)}, idf, zeros, np.zeros(4), 0.5)


def fitted(
    blank: TrainedReader,
    reviews: Sequence[Sequence[Part]],
    stars: Stars,
    groups: npt.ArrayLike | None,
) -> TrainedReader:
    sparse, learn = need("scipy.sparse", "train"), need("sklearn.linear_model", "train")
    pick = need("sklearn.model_selection", "train")
    rows, columns, values, extra = blank.features(reviews)
    shape = (len(reviews), len(blank.idf))
    x = sparse.hstack(
        [sparse.csr_matrix((values, (rows, columns)), shape=shape), sparse.csr_matrix(extra)]
    ).tocsr()
    group = np.arange(len(reviews)) if groups is None else np.asarray(groups)
    folds = list(
        pick.StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(x, stars, group)
    )
    weights, levels, threshold = np.zeros((x.shape[1], 4)), np.zeros(4), 0.5
    for k in range(4):
        y = stars > k + 1
        if y.all() or not y.any():
            levels[k] = 6.0 if y.all() else -6.0
            continue
        held = {c: _held_out(learn, x, y, folds, c) for c in STRENGTHS}
        strength = min(held, key=lambda c: _loss(held[c], y))
        model = learn.LogisticRegression(C=strength, max_iter=2000).fit(x, y)
        scale, level = _calibrate(learn, held[strength], y)
        weights[:, k] = scale * model.coef_[0]
        levels[k] = scale * float(model.intercept_[0]) + level
        if k == 2:
            threshold = _balancing(scale * held[strength] + level, y)
    return TrainedReader(blank.name, blank.vocabulary, blank.idf, weights, levels, threshold)


def _held_out(learn: Any, x: Any, y: npt.NDArray[np.bool_], folds: Any, strength: float) -> Floats:
    """Logits of reviews by models that did not see them."""
    logits = np.zeros(len(y))
    for train, test in folds:
        if len(set(y[train].tolist())) < 2:
            logits[test] = 6.0 if y[train].all() else -6.0
            continue
        model = learn.LogisticRegression(C=strength, max_iter=2000).fit(x[train], y[train])
        logits[test] = model.decision_function(x[test])
    return logits


def _loss(logits: Floats, y: npt.NDArray[np.bool_]) -> float:
    return float(np.logaddexp(0, np.where(y, -logits, logits)).mean())


def _calibrate(learn: Any, logits: Floats, y: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Platt's (1999) scale and level: what held-out logits must be to be chances."""
    model = learn.LogisticRegression(C=1e4, max_iter=2000).fit(logits[:, None], y)
    return max(float(model.coef_[0, 0]), 0.1), float(model.intercept_[0])


def _balancing(logits: Floats, y: npt.NDArray[np.bool_]) -> float:
    """The chance above which calling a review positive is right equally often on both sides."""
    chance = 1 / (1 + np.exp(-logits))
    order = np.argsort(chance)
    below = np.cumsum(~y[order]) / max((~y).sum(), 1)
    wrong = np.cumsum(y[order]) / max(y.sum(), 1)
    best = int(np.argmax(below - wrong))
    after = chance[order][min(best + 1, len(y) - 1)]
    return float(np.clip((chance[order][best] + after) / 2, 0.05, 0.95))


def generated() -> tuple[list[str], Stars, list[str] | None]:
    """Reviews of the generated world: texts, stars, gifts."""
    from giftrec.catalog.world import default_world

    reviews = default_world(GENERATED_GIFTS).reviews
    return reviews["text"].to_list(), reviews["stars"].to_numpy(), reviews["gift"].to_list()


def from_frame(frame: pl.DataFrame) -> tuple[list[str], Stars, list[str] | None]:
    """The reviews that have stars and words."""
    frame = frame.drop_nulls(["stars", "text"]).filter(pl.col("stars").is_between(1, 5))
    gifts = frame["gift"].to_list() if "gift" in frame.columns else None
    return frame["text"].to_list(), frame["stars"].cast(pl.Int64).to_numpy(), gifts


def from_catalogue(path: Path) -> tuple[list[str], Stars, list[str] | None]:
    from giftrec.catalog.snapshot import Snapshot

    with Snapshot.open(path) as snapshot:
        return from_frame(snapshot.reviews)


def from_file(path: Path) -> tuple[list[str], Stars, list[str] | None]:
    readers: dict[str, Callable[..., pl.DataFrame]] = {
        ".csv": pl.read_csv,
        ".jsonl": pl.read_ndjson,
        ".parquet": pl.read_parquet,
    }
    if path.suffix not in readers:
        raise UserError(f"{path}: not .csv, .jsonl or .parquet", "convert it")
    frame: pl.DataFrame = readers[path.suffix](path)
    if missing := {"stars", "text"} - set(frame.columns):
        raise UserError(f"{path} has no column {', '.join(sorted(missing))}", "stars, text, gift")
    return from_frame(frame)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reviews", type=Path, help="a file of reviews")
    parser.add_argument("--catalogue", type=Path, help="a catalogue with reviews")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        if options.reviews is not None:
            texts, stars, gifts = from_file(options.reviews)
        elif options.catalogue is not None:
            texts, stars, gifts = from_catalogue(options.catalogue)
        else:
            texts, stars, gifts = generated()
        kind = "" if options.reviews or options.catalogue else "generated "
        name = f"logistic regression on {len(texts):,} {kind}reviews"
        reader = fit(texts, stars, gifts, name)
    except UserError as error:
        print(error)
        return 2
    reader.save(options.out)
    print(f"{name} -> {options.out}, {len(reader.vocabulary):,} terms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

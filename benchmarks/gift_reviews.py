"""Stars read out of the words of real toy reviews: ours beside VADER and the majority class.

    python -m benchmarks.gift_reviews --peer-python PEER/bin/python

PEER is an environment with benchmarks/peers/sentiment.txt. The reviews are those of
`toys/toys863.csv`. "Good" is 4 stars or more: who gives 3 names a fault, and would rather have
chosen another gift. Five folds, the reviews of one toy together, five times over; every threshold
and every map to stars is learned on the training folds only. Titles that the shop writes itself
("Five Stars") are removed from all texts, as they give the answer away.
"""

import argparse
import json
import re
import subprocess
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.record import Row, append, data_root, rows
from giftrec.tools.bursts import bursts
from giftrec.tools.sentiment import DEFAULT_TITLE, ListReader, median_stars, positive, read
from giftrec.tools.tables import number_of
from giftrec.tools.train_sentiment import fit, generated

NAME = "gift_reviews"
REPEATS = 5
FOLDS = 5
RESAMPLES = 2000
PLANTED = 8  # reviews of a planted burst
STARS = re.compile(r"[1-5]\.0")
Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


def toy_reviews() -> pl.DataFrame:
    """gift, stars, text, on: one row a review that is written out in full."""
    toys = pl.read_csv(data_root() / "toys" / "toys863.csv", infer_schema_length=0)
    found = []
    for gift, written in toys.select("product_id", "customer_reviews").iter_rows():
        for review in (written or "").split(" | "):
            parts = [part.strip() for part in review.split(" // ")]
            if len(parts) >= 5 and STARS.fullmatch(parts[1]):
                title = DEFAULT_TITLE.sub("", parts[0] + " ").strip()
                text = " ".join(parts[4:])
                found.append(
                    {
                        "gift": gift,
                        "stars": int(parts[1][0]),
                        "text": f"{title}. {text}" if title else text,
                        "on": _day(parts[2]),
                    }
                )
    return pl.DataFrame(found, schema_overrides={"on": pl.Date})


def _day(text: str) -> Any:
    for form in ("%d %b. %Y", "%d %B %Y", "%d %b %Y"):
        try:
            return datetime.strptime(text.replace("Sept.", "Sep."), form).date()
        except ValueError:
            continue
    return None


class Said:
    """What one method says of each review, from folds that it was not fitted on."""

    def __init__(self, count: int) -> None:
        self.good = np.zeros(count, dtype=bool)
        self.rank = np.zeros(count)
        self.stars = np.zeros(count)


def judge(said: Said, stars: Numbers) -> dict[str, float]:
    from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

    y, off = stars > 3, np.abs(said.stars - stars)
    return {
        "balanced_accuracy": float(balanced_accuracy_score(y, said.good)),
        "macro_f1": float(f1_score(y, said.good, average="macro")),
        "accuracy": float((said.good == y).mean()),
        "calibration_error": calibration_error(said.rank, y),
        "auc": float(roc_auc_score(y, said.rank)),
        "mae": float(off.mean()),
        "macro_mae": float(np.mean([off[stars == k].mean() for k in range(1, 6)])),
    }


def calibration_error(chance: Floats, y: npt.NDArray[np.bool_]) -> float:
    """Of ten equal groups by what was said, the mean distance from what came (readers only)."""
    groups = np.array_split(np.argsort(chance, kind="stable"), 10)
    return float(np.mean([abs(chance[g].mean() - y[g].mean()) for g in groups]))


def balancing(score: Floats, y: npt.NDArray[np.bool_]) -> float:
    """The threshold of highest balanced accuracy."""
    options = np.unique(score)
    gains = [(score[y] > t).mean() + (score[~y] <= t).mean() for t in options]
    return float(options[int(np.argmax(gains))])


def stars_by_score(score: Floats, stars: Numbers, new: Floats) -> Floats:
    """The median stars of the training reviews in the same tenth of the score."""
    edges = np.quantile(score, np.linspace(0.1, 0.9, 9))
    place = np.digitize(score, edges)
    medians = np.array(
        [np.median(stars[place == k]) if (place == k).any() else 5.0 for k in range(10)]
    )
    return medians[np.digitize(new, edges)]


def measure(peer: Path) -> None:
    from sklearn.model_selection import StratifiedGroupKFold

    reviews = toy_reviews()
    texts, stars = reviews["text"].to_list(), reviews["stars"].to_numpy()
    gifts = reviews["gift"].to_numpy()
    vader = np.array(
        json.loads(
            subprocess.run(
                [str(peer), str(Path(__file__).parent / "peers" / "vader.py")],
                input=json.dumps(texts),
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
    )
    parts = [read(text) for text in texts]
    lists = ListReader().chances(parts)
    other_texts, other_stars, other_gifts = generated()
    other = fit(
        other_texts[:6000],
        other_stars[:6000],
        other_gifts[:6000] if other_gifts else None,
        "generated",
    )
    generated_says = other.chances(parts)
    figures: dict[str, list[dict[str, float]]] = defaultdict(list)
    kept: dict[str, Said] = {}
    for repeat in range(REPEATS):
        said: dict[str, Said] = defaultdict(lambda: Said(len(stars)))
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repeat)
        for train, test in folds.split(texts, stars, gifts):
            y = stars[train] > 3
            reader = fit([texts[i] for i in train], stars[train], gifts[train])
            fill = {
                "trained on other toys' stars": reader.chances([parts[i] for i in test]),
                "lists of words": lists[test],
                "trained on generated reviews": generated_says[test],
            }
            limits = {
                "trained on other toys' stars": reader.threshold,
                "lists of words": ListReader.threshold,
                "trained on generated reviews": other.threshold,
            }
            for name, chances in fill.items():
                said[name].rank[test] = positive(chances)
                said[name].good[test] = positive(chances) > limits[name]
                said[name].stars[test] = median_stars(chances)
            mapped = stars_by_score(vader[train], stars[train], vader[test])
            for name, limit in (
                ("VADER, threshold .05", 0.05),
                ("VADER, threshold learned", balancing(vader[train], y)),
            ):
                said[name].rank[test] = vader[test]
                said[name].good[test] = vader[test] > limit
                said[name].stars[test] = mapped
            majority = said["majority class"]
            majority.good[test], majority.stars[test] = True, np.median(stars[train])
        for name, answers in said.items():
            figures[name].append(judge(answers, stars))
        kept = said
        print(f"repeat {repeat + 1} of {REPEATS}", flush=True)
    for name, several in figures.items():
        mean = {key: float(np.mean([one[key] for one in several])) for key in several[0]}
        spread = {key: float(np.std([one[key] for one in several])) for key in several[0]}
        append(NAME, name, reviews=len(stars), good=int((stars > 3).sum()), mean=mean, sd=spread)
    append(NAME, "paired", **paired(kept, stars, gifts))
    append(NAME, "bursts", **planted(reviews))


def paired(said: dict[str, Said], stars: Numbers, gifts: npt.NDArray[Any]) -> dict[str, Any]:
    """Balanced accuracy and MAE less VADER's best, toys resampled: mean and 95% interval."""
    ours, theirs = said["trained on other toys' stars"], said["VADER, threshold learned"]
    lists = said["lists of words"]
    _, toy = np.unique(gifts, return_inverse=True)
    rows_of = [np.flatnonzero(toy == t) for t in range(toy.max() + 1)]
    draw = np.random.default_rng(0)
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(RESAMPLES):
        picked = np.concatenate([rows_of[t] for t in draw.integers(0, len(rows_of), len(rows_of))])
        y = stars[picked] > 3
        for name, one in (("trained", ours), ("lists", lists)):
            gain = _balanced(one.good[picked], y) - _balanced(theirs.good[picked], y)
            found[f"{name}, balanced accuracy"].append(gain)
            off = np.abs(one.stars[picked] - stars[picked])
            found[f"{name}, mae"].append(
                float((off - np.abs(theirs.stars[picked] - stars[picked])).mean())
            )
    return {
        "less_vader": {
            name: [float(np.mean(v)), *np.quantile(v, [0.025, 0.975]).tolist()]
            for name, v in found.items()
        }
    }


def _balanced(good: npt.NDArray[np.bool_], y: npt.NDArray[np.bool_]) -> float:
    return float((good[y].mean() + (~good[~y]).mean()) / 2)


def planted(reviews: pl.DataFrame) -> dict[str, Any]:
    """Real dates, alone and with a burst planted on a random day between the first and last."""
    dated = reviews.drop_nulls("on")
    calendar = np.sort(np.array([number_of(day) for day in dated["on"]]))
    draw = np.random.default_rng(0)
    toys = alarms = able = found = 0
    for _, mine in dated.group_by("gift", maintain_order=True):
        days = sorted(number_of(day) for day in mine["on"])
        toys += 1
        alarms += bool(bursts(days, calendar))
        if len(days) >= 3 and days[-1] - days[0] >= 60:
            able += 1
            start = int(draw.integers(days[0], days[-1] - 7))
            fake = [start + int(d) for d in draw.integers(0, 7, PLANTED)]
            found += bool(bursts(sorted([*days, *fake]), calendar))
    return {"toys": toys, "alarms": alarms, "planted": able, "found": found, "size": PLANTED}


def markdown() -> str:
    """The newest row of each method, as a table."""
    newest: dict[str, Row] = {row["key"]: row for row in rows(NAME)}
    columns = ("balanced_accuracy", "macro_f1", "auc", "mae", "macro_mae", "accuracy")
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in newest.items():
        if "mean" in row:
            cells = [f"{row['mean'][c]:.3f} ({row['sd'][c]:.3f})" for c in columns]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    if "paired" in newest:
        lines.append("")
        for name, (mean, low, high) in newest["paired"]["less_vader"].items():
            lines.append(f"- {name}, less VADER's: {mean:+.3f} ({low:+.3f} .. {high:+.3f})")
        b = newest["bursts"]
        lines.append(
            f"- bursts: {b['found']} of {b['planted']} planted ones of {b['size']} reviews found, "
            f"{b['alarms']} of {b['toys']} untouched toys suspected"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--table", action="store_true", help="print the table, measure nothing")
    options = parser.parse_args()
    if not options.table:
        if options.peer_python is None:
            parser.error("--peer-python is needed to measure")
        measure(options.peer_python)
    print(markdown())


if __name__ == "__main__":
    main()

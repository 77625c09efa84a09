"""How many stars the words of a review are worth: learned from stars, read with numpy alone.

Words, pairs of words and a few sums over the lists of `feelings.py` go into four logistic
regressions, one for each "more than k stars" (k = 1..4), so the chances of all five stars follow.
Weights are calibrated on reviews they were not fitted to. `train_sentiment.py` makes the file;
where there is none, `ListReader` reads by the lists alone, and its name says so.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from giftrec.tools.feelings import Part, parts_of
from giftrec.tools.tables import Floats, Numbers
from reccore.errors import UserError

FORMAT = "giftrec sentiment"
VERSION = 1
SUMS = 6  # features that are sums over the lists of words
STARS = np.arange(1, 6)
DEFAULT_TITLE = re.compile(r"^\s*(one|two|three|four|five) stars?\s*[.:!-]*\s*", re.IGNORECASE)
LIST_SLOPES = (3.4, 3.2, 3.0, 2.6)  # of the fallback: rough, and said to be
LIST_LEVELS = (2.9, 2.4, 1.6, 0.2)  # of a review whose words say nothing: most are content


class Reader(Protocol):
    """Reads stars out of words."""

    @property
    def name(self) -> str: ...

    @property
    def threshold(self) -> float:
        """A review is positive where its chance of 4 stars or more is above this."""
        ...

    def chances(self, reviews: Sequence[Sequence[Part]]) -> Floats:
        """[N, 5] chance of each number of stars."""
        ...


def read(text: str) -> list[Part]:
    """A review in parts, without the title that a shop writes when the reviewer gave none."""
    return parts_of(DEFAULT_TITLE.sub("", text))


def terms(parts: Sequence[Part]) -> Counter[str]:
    """Words and word pairs with how often they stand there; pairs do not cross sentences."""
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part.words)
        found.update(map(" ".join, zip(part.words, part.words[1:], strict=False)))
    return found


def sums(parts: Sequence[Part]) -> list[float]:
    """What the lists of words make of a review."""
    felt = [part.feeling for part in parts] or [0.0]
    long = math.log1p(sum(len(part.words) for part in parts)) / 5
    return [sum(felt) / len(felt), min(felt), max(felt), felt[0], felt[-1], long]


@dataclass(frozen=True)
class TrainedReader:
    """V terms with their weights."""

    name: str
    vocabulary: dict[str, int]
    idf: Floats  # [V]
    weights: Floats  # [V + SUMS, 4]
    levels: Floats  # [4]
    threshold: float

    def features(
        self, reviews: Sequence[Sequence[Part]]
    ) -> tuple[Numbers, Numbers, Floats, Floats]:
        """Row, column and value of every term of the reviews (rows of length 1), and the sums."""
        row: list[int] = []
        column: list[int] = []
        count: list[int] = []
        for n, parts in enumerate(reviews):
            for term, times in terms(parts).items():
                code = self.vocabulary.get(term)
                if code is not None:
                    row.append(n)
                    column.append(code)
                    count.append(times)
        rows, columns = np.array(row, dtype=np.int64), np.array(column, dtype=np.int64)
        values = (1 + np.log(np.array(count, dtype=np.float64))) * self.idf[columns]
        length = np.sqrt(np.bincount(rows, weights=values**2, minlength=len(reviews)))
        values = values / length[rows]
        extra = np.array([sums(parts) for parts in reviews]).reshape(len(reviews), SUMS)
        return rows, columns, values, extra

    def chances(self, reviews: Sequence[Sequence[Part]]) -> Floats:
        if not reviews:
            return np.zeros((0, 5))
        rows, columns, values, extra = self.features(reviews)
        split = len(self.idf)
        logits = extra @ self.weights[split:] + self.levels
        said = self.weights[columns] * values[:, None]
        for k in range(4):
            logits[:, k] += np.bincount(rows, weights=said[:, k], minlength=len(reviews))
        return chances_of(logits)

    def save(self, path: Path) -> None:
        """JSON: plain numbers and words, nothing that runs."""
        used = list(self.vocabulary)
        written = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "threshold": round(self.threshold, 4),
            "levels": np.round(self.levels, 4).tolist(),
            "sums": np.round(self.weights[len(used) :], 4).tolist(),
            "terms": {
                term: [round(float(self.idf[v]), 3), *np.round(self.weights[v], 3).tolist()]
                for term, v in self.vocabulary.items()
            },
        }
        path.write_text(json.dumps(written, separators=(",", ":")), encoding="utf-8")


class ListReader:
    """Where nothing was trained: by the lists of words alone."""

    name = "lists of words (no trained model)"
    threshold = 1 / (1 + math.exp(-LIST_LEVELS[2])) - 1e-9  # that of words that say nothing

    def chances(self, reviews: Sequence[Sequence[Part]]) -> Floats:
        felt = np.array([sums(parts)[0] for parts in reviews], dtype=np.float64)
        return chances_of(felt[:, None] * np.array(LIST_SLOPES) + np.array(LIST_LEVELS))


def chances_of(logits: Floats) -> Floats:
    """[N, 4] logits of "more than k stars" -> [N, 5] chances, never negative."""
    above = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    above = np.minimum.accumulate(above, axis=1)  # more than 4 is never likelier than more than 3
    edges = np.concatenate([np.ones((len(above), 1)), above, np.zeros((len(above), 1))], axis=1)
    return -np.diff(edges, axis=1)


def positive(chances: Floats) -> Floats:
    """[N] chance of 4 stars or more."""
    share: Floats = chances[:, 3:].sum(axis=1)
    return share


def median_stars(chances: Floats) -> Floats:
    """[N] the number of stars with the least expected distance."""
    stars: Floats = 1.0 + (np.cumsum(chances, axis=1) < 0.5).sum(axis=1)
    return stars


def load(path: Path) -> TrainedReader:
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        if written["format"] != FORMAT or written["version"] != VERSION:
            raise ValueError(f"is {written['format']!r} {written['version']!r}")
        weights = np.array(list(written["terms"].values()), dtype=np.float64).reshape(-1, 5)
        reader = TrainedReader(
            name=str(written["name"]),
            vocabulary={str(term): v for v, term in enumerate(written["terms"])},
            idf=weights[:, 0],
            weights=np.concatenate([weights[:, 1:], np.array(written["sums"]).reshape(SUMS, 4)]),
            levels=np.array(written["levels"], dtype=np.float64).reshape(4),
            threshold=float(written["threshold"]),
        )
        if not all(np.isfinite(a).all() for a in (reader.weights, reader.levels, reader.idf)):
            raise ValueError("weights that are not numbers")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is no {FORMAT} of version {VERSION}: {str(error)[:120]}",
            "python -m giftrec.tools.train_sentiment makes one",
        ) from None
    return reader

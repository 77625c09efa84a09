"""The default data: a world shaped like MovieLens whose truth is known.

Films and series have genres, a kind and a year of release; people have an age group. A person's
liking of a title is the sum of its popularity, how its content meets the person's tastes (partly
shared by age), and a part that no description shows, only other people's behaviour.

*Choice.* A person meets n titles, drawn without replacement with weights w = exp(liking)
(Plackett-Luce). For rows held out at random, the best ranking of unseen titles is by w: of two
titles the heavier one is the likelier in any set, whatever else the set holds (exchange argument
on the Plackett-Luce probability). So the best reachable NDCG of such a split is known.

*Drift.* Each person's taste moves: a title is met at tau in (0, 1) of the person's time, with
logit tau = (drift towards its content) + logistic noise. Given the set, times are independent, so
they say nothing about held rows beyond the taste itself; and a title not met by tau is to come
with probability sigmoid(drift - logit tau), which ranks what is next.

*Ratings.* round(mean + noise) within 1..5 with known means and noise: the best prediction is the
expectation of that, and its error is the floor.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from cinesync.sources.features import categories, decades
from cinesync.sources.frames import loaded
from cinesync.sources.source import Loaded, Request, Source
from cinesync.sources.titles import invent
from reccore.config import Settings

Matrix = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

LICENCE = "MIT, made by this package"
GENRES = (
    *("Drama", "Comedy", "Action", "Thriller", "Romance", "Adventure", "Crime"),
    *("Sci-Fi", "Horror", "Fantasy", "Mystery", "Animation", "Documentary", "War"),
)
AGES = ("under 18", "18-24", "25-34", "35-49", "50 and over")
FIRST_SECOND = 1_640_995_200  # 2022-01-01
DAY = 86_400
STARS = np.arange(1, 6)


class GeneratedSettings(Settings):
    """The size of the world and the strength of what a model can learn in it."""

    users: int = Field(2000, ge=2, description="people")
    items: int = Field(1200, ge=20, description="films and series")
    mean_events: float = Field(60.0, gt=0, description="rows a person, on average")
    min_events: int = Field(20, ge=1, description="rows a person, at least")
    days: int = Field(1095, ge=1, description="time span")
    popularity: float = Field(1.2, ge=0, description="skew: liking falls as this times log rank")
    content: float = Field(2.0, ge=0, description="strength of taste for genre, kind and year")
    hidden: float = Field(2.0, ge=0, description="strength of taste that no feature shows")
    hidden_factors: int = Field(5, ge=1, description="dimensions of that taste")
    drift: float = Field(3.0, ge=0, description="how far taste moves over a person's time")
    noise: float = Field(0.7, gt=0, description="standard deviation of a rating's noise, in stars")


@dataclass(frozen=True, eq=False)
class World:
    """What is true. Person p has external id p + 1, title i has id i + 1."""

    settings: GeneratedSettings
    log_weights: Matrix  # [U, I] of choice
    drift: Matrix  # [U, I] logit of when
    means: Matrix  # [U, I] of ratings before noise, rounding and clipping
    begins: Doubles  # [U] seconds
    spans: Doubles  # [U] seconds
    rows: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame

    def loaded(self, request: Request | None = None) -> Loaded:
        """The rows as a data set like any other."""
        wanted = request or Request("generated", Path(), self.settings, licence=LICENCE)
        items = self.items.drop("year")
        return loaded(wanted, self.rows, items=items, users=self.users, where="generated")

    @cached_property
    def expected_ratings(self) -> Doubles:
        """E[round(mean + noise) within 1..5]: the best prediction there is. [U, I]"""
        return self._moment(1)

    @cached_property
    def rating_variances(self) -> Doubles:
        """Var of the same: what no model can explain. [U, I]"""
        return self._moment(2) - self.expected_ratings**2

    def _moment(self, power: int) -> Doubles:
        """E[r^p] = 1 + sum over s = 2..5 of (s^p - (s - 1)^p) P(r >= s)."""
        total = np.ones(self.means.shape)
        for star in STARS[1:]:
            at_least = _normal_cdf((self.means - (star - 0.5)) / self.settings.noise)
            total += float(star**power - (star - 1) ** power) * at_least
        return total


def world(settings: GeneratedSettings, seed: int = 0) -> World:
    """Draw a world; the same settings and seed give the same bits."""
    rng = np.random.default_rng(seed)
    users, items = settings.users, settings.items
    described = _items(settings, rng)
    content = _content(described)  # [I, C]
    ages = rng.choice(len(AGES), size=users, p=[0.1, 0.25, 0.3, 0.2, 0.15])
    shared = rng.normal(size=(len(AGES), content.shape[1]))
    tastes = 0.6 * shared[ages] + 0.8 * rng.normal(size=(users, content.shape[1]))
    factors = rng.normal(size=(items, settings.hidden_factors)) / settings.hidden_factors**0.5
    hidden = rng.normal(size=(users, settings.hidden_factors)) @ factors.T
    taste = settings.content * (tastes @ content.T) + settings.hidden * hidden  # [U, I]
    rank = rng.permutation(items) + 1
    log_weights = taste - settings.popularity * np.log(rank)
    drift = settings.drift * rng.normal(size=(users, content.shape[1])) @ content.T

    person, title = _choices(log_weights, _counts(settings, rng), rng)
    quality = 0.3 * rng.normal(size=items) - 0.15 * (np.log(rank) - np.log(rank).mean())
    liking = taste - taste[person, title].mean()
    means = 3.6 + 0.35 * rng.normal(size=(users, 1)) + quality + 0.3 * liking
    noisy = means[person, title] + settings.noise * rng.normal(size=len(person))
    begins = FIRST_SECOND + DAY * settings.days * 0.9 * rng.random(users)
    spans = (FIRST_SECOND + DAY * settings.days - begins) * rng.beta(1.5, 3.0, size=users)
    tau = _sigmoid(drift[person, title] + rng.logistic(size=len(person)))
    rows = pl.DataFrame(
        {
            "user": person + 1,
            "item": title + 1,
            "value": np.clip(np.rint(noisy), 1, 5),
            "timestamp": (begins[person] + spans[person] * tau).astype(np.int64),
        }
    ).sort("user", "timestamp", "item")
    return World(
        settings,
        log_weights.astype(np.float32),
        drift.astype(np.float32),
        means.astype(np.float32),
        begins,
        spans,
        rows,
        described,
        pl.DataFrame(
            {
                "id": np.arange(users) + 1,
                "age": categories(pl.Series([AGES[age] for age in ages.tolist()])),
            }
        ),
    )


def _items(settings: GeneratedSettings, rng: np.random.Generator) -> pl.DataFrame:
    """Titles with one to three genres (the common ones first), a kind and a year."""
    items = settings.items
    share = np.log(1 / np.arange(1, len(GENRES) + 1) ** 0.6)
    order = np.argsort(-(share + rng.gumbel(size=(items, len(GENRES)))), axis=1)
    counts = rng.choice([1, 2, 3], size=items, p=[0.3, 0.45, 0.25])
    series = rng.random(items) < 0.3
    years = 2021 - np.minimum(rng.exponential(14.0, size=items), 70).astype(np.int64)
    films, shows = invent(int((~series).sum()), int(series.sum()), rng)
    names = iter(films), iter(shows)
    kinds = np.where(series, "TV", "Movie")
    return pl.DataFrame(
        {
            "id": np.arange(items) + 1,
            "title": [f"{next(names[int(s)])} ({y})" for s, y in zip(series, years, strict=True)],
            "genres": [
                sorted(GENRES[g] for g in row[:n]) for row, n in zip(order, counts, strict=True)
            ],
            "content_type": categories(pl.Series(kinds.tolist())),
            "decade": decades(pl.Series(years)),
            "year": years,
        }
    )


def _content(items: pl.DataFrame) -> Doubles:
    """What tastes act on: genres of unit length, kind, and standardised year. [I, G + 2]"""
    lists = items["genres"].to_list()
    genres = np.array([[name in row for name in GENRES] for row in lists], dtype=np.float64)
    genres /= np.sqrt(genres.sum(axis=1, keepdims=True))
    series = (items["content_type"].list.first() == "TV").to_numpy().astype(np.float64)
    year = items["year"].to_numpy().astype(np.float64)
    year = (year - year.mean()) / year.std()
    return np.column_stack([genres, series - series.mean(), 0.4 * year])


def _counts(settings: GeneratedSettings, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Log-normal activity above the minimum, at most a third of the catalogue. [U]"""
    above = max(settings.mean_events - settings.min_events, 0.0)
    spread = 1.0
    extra = above * np.exp(spread * rng.normal(size=settings.users) - spread**2 / 2)
    most = max(settings.items // 3, 1)
    counts: npt.NDArray[np.int64] = np.rint(settings.min_events + extra).astype(np.int64)
    return np.minimum(counts, most)


def _choices(
    log_weights: Doubles, counts: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Plackett-Luce without replacement: the n largest of log weight + Gumbel noise."""
    keys = log_weights + rng.gumbel(size=log_weights.shape)
    largest = np.argsort(-keys, axis=1)[:, : counts.max()]
    taken = np.arange(counts.max()) < counts[:, None]
    return np.repeat(np.arange(len(counts)), counts), largest[taken]


def _sigmoid(x: Doubles) -> Doubles:
    return 1.0 / (1.0 + np.exp(-x))


def _normal_cdf(x: Matrix) -> Doubles:
    """Abramowitz & Stegun 7.1.26 for the error function: right to 1.5e-7."""
    z = np.abs(x.astype(np.float64)) / 2**0.5
    t = 1.0 / (1.0 + 0.3275911 * z)
    poly = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    upper: Doubles = 0.5 * poly * np.exp(-z * z)
    return np.where(x > 0, 1.0 - upper, upper)


def load(request: Request) -> Loaded:
    """The world's rows as a data set like any other."""
    assert isinstance(request.settings, GeneratedSettings)
    return world(request.settings, request.seed).loaded(request)


SOURCES = (
    Source(
        "generated",
        "the default: films and series with a known truth, shaped like MovieLens",
        LICENCE,
        load,
        settings=GeneratedSettings,
        needs_path=False,
    ),
)

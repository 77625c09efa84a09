"""MovieLens in its three layouts, and the ML-1M rebuilt with intervals.

Harper & Konstan 2015, "The MovieLens Datasets: History and Context". Features: genres and the
decade of release; for ML-100K and ML-1M also the users' gender, age group and occupation. Free
tags are left out: they were given after the rating, and would leak.
"""

from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field

from cinesync.sources.delimited import read_delimited
from cinesync.sources.features import bands, categories, decades, split_words
from cinesync.sources.frames import loaded
from cinesync.sources.source import FileSettings, Loaded, Request, Source
from cinesync.sources.tabular import read_table

LICENCE = "GroupLens: research use, no redistribution, cite Harper & Konstan 2015"
SITE = "https://files.grouplens.org/datasets/movielens"
RATING = {"user": pl.Int64, "item": pl.Int64, "value": pl.Float64, "timestamp": pl.Int64}
AGES = ("under 18", "18-24", "25-34", "35-44", "45-49", "50-55", "56 and over")
AGE_LIMITS = (18, 25, 35, 45, 50, 56)
ML_1M_AGES = dict(zip(("1", "18", "25", "35", "45", "50", "56"), AGES, strict=True))


class FoldSettings(FileSettings):
    """ML-100K brings its own splits along."""

    fold: Literal["u1", "u2", "u3", "u4", "u5", "ua", "ub"] | None = Field(
        None, description="use the split of FOLD.base and FOLD.test (with --split given)"
    )


def load_100k(request: Request) -> Loaded:
    """`u.data`, or `FOLD.base` and `FOLD.test` with the split they make."""
    assert isinstance(request.settings, FoldSettings)
    fold = request.settings.fold
    where = request.path / (f"{fold}.base and {fold}.test" if fold else "u.data")
    if fold is None:
        rows = _ratings(request.file("u.data"), "\t")
    else:
        parts = {"train": request.file(f"{fold}.base"), "test": request.file(f"{fold}.test")}
        rows = pl.concat(
            [_ratings(path, "\t").with_columns(split=pl.lit(part)) for part, path in parts.items()]
        )
    genres = [line.split("|")[0] for line in _lines(request.file("u.genre"))]
    names = ["id", "title", "released", "video", "imdb", *genres]
    movies = read_delimited(
        request.file("u.item"), "|", names=names, quoted=False, maybe_latin1=True
    )
    flags = [pl.when(pl.col(g) == "1").then(pl.lit(g)) for g in genres if g != "unknown"]
    items = movies.select("id", "title", genres=pl.concat_list(flags).list.drop_nulls())
    names = ["id", "age", "gender", "occupation", "zip"]
    people = read_delimited(request.file("u.user"), "|", names=names, quoted=False)
    ages = bands(people["age"].cast(pl.Int64), AGE_LIMITS, AGES)
    users = _users(people, ages)
    return loaded(request, rows, items=_with_decades(items), users=users, where=str(where))


def load_dat(request: Request) -> Loaded:
    """`ratings.dat`, `movies.dat` and perhaps `users.dat`, separated by `::`; or the rebuilt file.

    The rebuilt ML-1M (`interactions.parquet` in place of `ratings.dat`) knows some ratings and
    times only as intervals. Its rows are taken by `position`; of a rating known as "1 or 2" it
    takes 2, the commoner; of a time its earliest second. Rank on it, do not report its RMSE.
    """
    file = request.path / "interactions.parquet"
    if file.is_file() and not (request.path / "ratings.dat").is_file():
        rows = read_table(file)
        columns = {"user": "user_id", "item": "movie_id", "value": "rating_hi"}
        columns |= {"timestamp": "ts_lo", "order": "position"}
    else:
        file = request.file("ratings.dat")
        rows = _ratings(file, "::")
        columns = {}
    movies = read_delimited(
        request.file("movies.dat"),
        "::",
        names=["id", "title", "genres"],
        quoted=False,
        maybe_latin1=True,
    )
    items = movies.with_columns(split_words(movies["genres"], "|"))
    users = None
    if (request.path / "users.dat").is_file():
        names = ["id", "gender", "age", "occupation", "zip"]
        people = read_delimited(request.path / "users.dat", "::", names=names, quoted=False)
        ages = categories(people["age"].replace_strict(ML_1M_AGES, default=None))
        users = _users(people, ages)
    items = _with_decades(items)
    return loaded(request, rows, columns, items=items, users=users, where=str(file))


def load_csv(request: Request) -> Loaded:
    """`ratings.csv` and `movies.csv`."""
    columns = {"user": "userId", "item": "movieId", "value": "rating", "timestamp": "timestamp"}
    types = {columns[role]: dtype for role, dtype in RATING.items()}
    file = request.file("ratings.csv")
    rows = read_delimited(file, types=types)
    movies = read_delimited(request.file("movies.csv"))
    items = movies.select(
        pl.col("movieId").alias("id"), "title", split_words(movies["genres"], "|")
    )
    return loaded(request, rows, columns, items=_with_decades(items), where=str(file))


def _ratings(path: Path, separator: str) -> pl.DataFrame:
    return read_delimited(path, separator, names=list(RATING), types=RATING, quoted=False)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="latin-1").splitlines() if line.strip()]


def _with_decades(items: pl.DataFrame) -> pl.DataFrame:
    """The decade of "Toy Story (1995)"."""
    years = items["title"].str.extract(r"\((\d{4})\)\s*$")
    return items.with_columns(decades(years).alias("decade"))


def _users(people: pl.DataFrame, ages: pl.Series) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": people["id"],
            "gender": categories(people["gender"]),
            "age": ages,
            "occupation": categories(people["occupation"]),
        }
    )


DAT = ("ratings.dat", "movies.dat")
CSV = (("ratings.csv", "movies.csv"),)
ML_1M = ((*DAT, "users.dat"), ("interactions.parquet", "movies.dat", "users.dat"))
SOURCES = (
    Source(
        "ml-100k",
        "100,000 ratings of 1,682 films by 943 people, 1997-98; folds u1-u5",
        LICENCE,
        load_100k,
        (("u.data", "u.item", "u.user"),),
        settings=FoldSettings,
        url=f"{SITE}/ml-100k.zip",
        md5="0e33842e24a9c977be4e0107933c0723",
    ),
    Source(
        "ml-1m",
        "1,000,209 ratings of 3,706 films by 6,040 people, 2000-03",
        LICENCE,
        load_dat,
        ML_1M,
        url=f"{SITE}/ml-1m.zip",
        md5="c4d9eecfca2ab87c1945afe126590906",
    ),
    Source(
        "ml-10m",
        "10,000,054 ratings of 10,677 films by 69,878 people, half stars",
        LICENCE,
        load_dat,
        (DAT,),
        url=f"{SITE}/ml-10m.zip",
        md5="ce571fd55effeba0271552578f2648bd",
    ),
    Source(
        "ml-20m",
        "20,000,263 ratings of 26,744 films by 138,493 people, 1995-2015",
        LICENCE,
        load_csv,
        CSV,
        url=f"{SITE}/ml-20m.zip",
        md5="cd245b17a1ae2cc31bb14903e1204af3",
    ),
    Source(
        "ml-25m",
        "25,000,095 ratings of 59,047 films by 162,541 people, 1995-2019",
        LICENCE,
        load_csv,
        CSV,
        url=f"{SITE}/ml-25m.zip",
        md5="6b51fb2759a8657d3bfcbfc42b592ada",
    ),
    Source(
        "ml-32m",
        "32,000,204 ratings of 84,432 films by 200,948 people, 1995-2023",
        LICENCE,
        load_csv,
        CSV,
        url=f"{SITE}/ml-32m.zip",
        md5="d472be332d4daa821edc399621853b57",
    ),
    Source(
        "ml-latest-small",
        "100,836 ratings of 9,724 films by 610 people, 1996-2018; half stars",
        LICENCE,
        load_csv,
        CSV,
        url=f"{SITE}/ml-latest-small.zip",
    ),
)

"""Anime: films and series side by side, rated 1-10, without times.

The reduced MyAnimeList set of 5,000 users (2016). `content_type` is a feature of every title
(TV, Movie, OVA, ONA, Special, Music) and an option that keeps one kind only.
"""

from html import unescape
from typing import Literal

import polars as pl
from pydantic import Field

from cinesync.sources.delimited import read_delimited
from cinesync.sources.features import categories, split_words
from cinesync.sources.frames import loaded
from cinesync.sources.source import FileSettings, Loaded, Request, Source

RATING = {"User_ID": pl.Int64, "Anime_ID": pl.Int64, "Feedback": pl.Float64}
COLUMNS = {"user": "User_ID", "item": "Anime_ID", "value": "Feedback"}


class AnimeSettings(FileSettings):
    """Which titles to keep."""

    content_type: Literal["all", "TV", "Movie"] = Field("all", description="keep this kind only")


def load(request: Request) -> Loaded:
    """`anime_ratings.dat` and `anime_info.dat`, separated by tabs."""
    assert isinstance(request.settings, AnimeSettings)
    kind = request.settings.content_type
    file = request.file("anime_ratings.dat")
    rows = read_delimited(file, "\t", types=RATING)
    info = read_delimited(request.file("anime_info.dat"), "\t", quoted=False, maybe_latin1=True)
    if kind != "all":
        kept = info.filter(pl.col("type") == kind)["anime_ids"].cast(rows["Anime_ID"].dtype)
        rows = rows.filter(pl.col("Anime_ID").is_in(kept.to_list()))
    items = pl.DataFrame(
        {
            "id": info["anime_ids"],
            "title": [unescape(name) for name in info["name"].to_list()],
            "genres": split_words(info["genre"], ","),
            "content_type": categories(info["type"]),
        }
    )
    return loaded(request, rows, COLUMNS, items=items, where=str(file))


SOURCES = (
    Source(
        "anime",
        "419,943 ratings of 7,157 anime series and films by 4,714 people",
        "CC0 as known",
        load,
        (("anime_ratings.dat", "anime_info.dat"),),
        settings=AnimeSettings,
    ),
)

"""Adjacency lists with their own split: `train.txt`, `test.txt` and perhaps `valid.txt`.

The format of LightGCN's Gowalla, Yelp2018 and Amazon-Book (He et al. 2020). The lists are sets:
they tell no order.
"""

from dataclasses import replace

import polars as pl

from cinesync.sources.frames import loaded
from cinesync.sources.source import Loaded, Request, Source
from cinesync.sources.token_lists import read_token_lists

FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}


def load(request: Request) -> Loaded:
    """All files under common ids; `--split given` holds out what they say."""
    there = {part: name for part, name in FILES.items() if (request.path / name).is_file()}
    for part in ("train", "test"):
        request.file(FILES[part])
    rows = pl.concat(
        [
            read_token_lists(request.path / name)
            .select("user", "item")
            .with_columns(split=pl.lit(part))
            for part, name in there.items()
        ]
    )
    return loaded(replace(request, name=request.path.resolve().name), rows)


LAYOUT = (("train.txt", "test.txt"),)
SOURCES = (
    Source(
        "gowalla",
        "1,027,370 check-ins of 29,858 people at 40,981 places, LightGCN's split",
        "none stated",
        load,
    ),
    Source("adjacency", "any train.txt / valid.txt / test.txt lists", "not stated", load, LAYOUT),
)

"""Sequence files: `user item item ...` lines in time order, as many papers publish them."""

from dataclasses import replace

from cinesync.sources.frames import loaded
from cinesync.sources.source import Loaded, Request, SequenceSettings, Source
from cinesync.sources.token_lists import read_token_lists
from reccore.errors import UserError


def load(request: Request) -> Loaded:
    """One file; the place in the line is the order. Meeting an item again is allowed."""
    if request.path.is_dir():
        raise UserError(f"{request.path} is a folder", "give one sequence file with --from FILE")
    named = replace(request, name=request.path.stem)
    return loaded(named, read_token_lists(request.path))


SOURCES = (
    Source(
        "sequences",
        "any file of `user item item ...` lines in time order",
        "not stated",
        load,
        settings=SequenceSettings,
    ),
)

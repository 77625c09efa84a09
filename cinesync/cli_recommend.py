"""`cinesync recommend`: the best unseen items, from a run or from a bundle."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer

from cinesync.bundles import BundleRun, as_frame, open_any
from cinesync.runs import Run, known_users
from cinesync.show import Show
from reccore.bundle.answer import Request
from reccore.errors import UserError

Words = list[str]


def recommend(
    run_path: Annotated[Path, typer.Argument(metavar="RUN", help="A run or a bundle.")],
    user: Annotated[str | None, typer.Option(help="A user's id.")] = None,
    users: Annotated[
        Path | None, typer.Option(help="File of user ids: one a line, or a `user` column.")
    ] = None,
    all_users: Annotated[bool, typer.Option("--all-users", help="Every known user.")] = False,
    history: Annotated[
        str | None, typer.Option(help="Item ids somebody has met: `ID,ID,...`")
    ] = None,
    times: Annotated[
        str | None,
        typer.Option(help="When: seconds since 1970 of each item of --history: `T,T,...`"),
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(help="When it is asked: seconds since 1970, or the word `now`."),
    ] = None,
    preference: Annotated[
        Words,
        typer.Option(metavar="FEATURE=WORD", help="Bundles: what somebody new likes. Repeatable."),
    ] = [],  # noqa: B006
    only: Annotated[
        Words, typer.Option(metavar="FEATURE=WORD", help="Bundles: items that have it. Repeatable.")
    ] = [],  # noqa: B006
    allow: Annotated[
        str | None, typer.Option(help="Bundles: choose among these items: `ID,ID,...`")
    ] = None,
    deny: Annotated[str | None, typer.Option(help="Bundles: never these: `ID,ID,...`")] = None,
    diversity: Annotated[
        float | None, typer.Option(help="Bundles: relevance traded for variety, 0 to 1.")
    ] = None,
    k: Annotated[int, typer.Option(help="How many items.")] = 10,
    out: Annotated[
        Path | None, typer.Option(help="Write user, item, rank, score to this Parquet file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Recommend unseen items to known users, or to anyone by their history.

    A bundle answers people with preferences too, filters, trades relevance for variety, and says
    what it could not do as asked.
    """
    show = Show(as_json)
    whom = (user is not None, users is not None, all_users, history is not None, bool(preference))
    if sum(whom) != 1:
        raise UserError("give exactly one of --user, --users, --all-users, --history, --preference")
    if k < 1:
        raise UserError(f"--k is {k}", "ask for at least 1 item")
    run = open_any(run_path)
    wishes: dict[str, Any] = {
        "only": pairs(only, "--only"),
        "allow": None if allow is None else listed(allow),
        "deny": [] if deny is None else listed(deny),
        "diversity": diversity,
    }
    if times is not None and history is None:
        raise UserError("--times are of a history, and none is given", "give --history, too")
    met = None if history is None else listed(history)
    when = None if times is None else [seconds(text, "--times") for text in listed(times)]
    asked = None if now is None else moment(now)
    if users is not None or all_users:
        refuse(wishes, "with many users")
        answer = _many(show, run, users, k, asked)
    elif isinstance(run, BundleRun):
        liked = pairs(preference, "--preference") or None
        wishes |= {"times": when, "now": asked}
        request = Request(user=user, history=met, preferences=liked, k=k, **wishes)
        found = run.bundle.answer(request)
        answer = as_frame(found, "history" if user is None else user)
        if out is None:
            return show.answer(found, answer)
    else:
        refuse({**wishes, "preference": preference}, "of a run")
        answer = run.recommend(user, history=met, k=k, times=when, now=asked)
    if out is not None:
        show.wrote(out, answer.select("user", "item", "rank", "score"))
    else:
        show.recommendations(answer)


def _many(
    show: Show, run: Run | BundleRun, users: Path | None, k: int, now: int | None
) -> pl.DataFrame:
    if isinstance(run, BundleRun):
        if run.bundle.users is None:
            raise UserError(f"{run.path} holds no users", "export it with its users")
        ids = run.bundle.users.ids
    else:
        ids = run.dataset.users.ids
    codes = np.arange(len(ids), dtype=np.int32) if users is None else known_users(ids, users)
    with show.bar("recommending") as progress:
        return run.recommend_codes(codes, k, progress, now)


def moment(text: str) -> int:
    """`--now`: seconds since the epoch, or the clock of this machine."""
    return int(time.time()) if text.strip() == "now" else seconds(text, "--now")


def seconds(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        remedy = "give whole seconds since 1970"
        raise UserError(f"{option}: {text!r} is no time", remedy) from None


def listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def pairs(given: Sequence[str], option: str) -> dict[str, list[str]]:
    """`feature=word` options as words of each feature."""
    found: dict[str, list[str]] = {}
    for text in given:
        feature, equals, word = text.partition("=")
        if not equals or not word:
            raise UserError(f"{option} {text!r} is not feature=word", "e.g. genres=Comedy")
        found.setdefault(feature.strip(), []).append(word.strip())
    return found


def refuse(wishes: dict[str, Any], where: str) -> None:
    """Options that only a single answer of a bundle can honour."""
    for name, value in wishes.items():
        if value not in (None, [], {}):
            raise UserError(
                f"--{name} cannot be asked {where}",
                "make a bundle with `cinesync export`, and ask it for one person",
            )

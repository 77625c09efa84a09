"""`giftrec recommend`: who it is for, in a sentence or in options; out come five gifts."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from giftrec.cli_catalog import FOLDER
from giftrec.cli_model import opened
from giftrec.money import Money, RateTable
from giftrec.show_reply import ShowReply
from reccore.errors import UserError

if TYPE_CHECKING:
    from giftrec.agent.agent import Agent
    from giftrec.asking import Heard, Options
    from giftrec.catalog.snapshot import Snapshot

PATIENCE_S = 10.0  # of each tool: a terminal waits, and nothing is warm yet
TASTES = "Recipient"
BOUNDS = "Bounds"
ANSWER = "Answer"


def recommend(
    sentence: Annotated[
        str | None,
        typer.Argument(
            metavar="SENTENCE", help="Who it is for, in plain English."
        ),
    ] = None,
    age: Annotated[
        int | None, typer.Option(help="The recipient's age.", rich_help_panel=TASTES)
    ] = None,
    relationship: Annotated[
        str | None,
        typer.Option(help="Who they are to you, e.g. mother.", rich_help_panel=TASTES),
    ] = None,
    occasion: Annotated[
        str | None, typer.Option(help="e.g. birthday", rich_help_panel=TASTES)
    ] = None,
    hobby: Annotated[
        list[str],
        typer.Option(help="A hobby, in any words; again for more.", rich_help_panel=TASTES),
    ] = [],  # noqa: B006
    preference: Annotated[
        list[str],
        typer.Option(help="What they like, e.g. handmade; again for more.", rich_help_panel=TASTES),
    ] = [],  # noqa: B006
    like: Annotated[
        str | None, typer.Option(metavar="GIFT", help="More like this one.", rich_help_panel=TASTES)
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(help="The most, with currency, e.g. 60EUR.", rich_help_panel=BOUNDS),
    ] = None,
    at_least: Annotated[
        str | None, typer.Option(help="The least it should cost.", rich_help_panel=BOUNDS)
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(help="Days until the gift must be there.", rich_help_panel=BOUNDS),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The day it is needed by.", rich_help_panel=BOUNDS),
    ] = None,
    without: Annotated[
        list[str],
        typer.Option(
            "--not", metavar="WORD", help="What it must not be; again for more.",
            rich_help_panel=BOUNDS,
        ),
    ] = [],  # noqa: B006
    owns: Annotated[
        list[str],
        typer.Option(metavar="WORD", help="What is there already.", rich_help_panel=BOUNDS),
    ] = [],  # noqa: B006
    k: Annotated[int, typer.Option("-k", "--k", help="How many.", rich_help_panel=ANSWER)] = 5,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="A run or a bundle (default: the newest run, else the bundle that ships).",
            rich_help_panel=ANSWER,
        ),
    ] = None,
    catalog: Annotated[
        Path,
        typer.Option(
            "--catalog", "--catalogue",
            help="The catalogue's folder; where it is empty, a demonstration shop is set up.",
            rich_help_panel=ANSWER,
        ),
    ] = FOLDER,
    on: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Answer as of this day.", rich_help_panel=ANSWER),
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(
            help="Dated exchange rates: JSON of `on`, `base` and `rates` by currency.",
            rich_help_panel=ANSWER,
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Also weights, tools and every step.", rich_help_panel=ANSWER
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for programs.", rich_help_panel=ANSWER)
    ] = False,
) -> None:  # fmt: skip
    """Five gifts with reasons, from one sentence or from options.

    * `giftrec recommend "my sister turns 30, loves pottery and hiking, about 60 euros"`
    * `giftrec recommend --age 52 --relationship mother --hobby gardening --budget 60EUR`

    Both together: options stand instead of what the sentence says. What was not said is assumed,
    and the answer says what. A bundle answers without torch.
    """
    from giftrec.agent.wish import MOST
    from giftrec.asking import options_of

    day = _day(on, "--on") or date.today()
    given: dict[str, Any] = {
        "age": age,
        "relationship": relationship,
        "occasion": occasion,
        "hobbies": hobby or None,
        "preferences": preference or None,
        "budget": None if budget is None else Money.parse(budget, "--budget"),
        "at_least": None if at_least is None else Money.parse(at_least, "--at-least"),
        "days_left": days,
        "needed_by": _day(by, "--by"),
        "excluded": without or None,
        "owned": owns or None,
        "like": like,
    }
    if sentence is None and all(value is None for value in given.values()):
        raise UserError(
            "nobody was named", 'giftrec recommend "my sister turns 30, loves pottery, 60 euros"'
        )
    if sentence is not None and _is_folder(sentence):
        raise UserError(f"{sentence} is a folder, not a sentence", f"--run {sentence}")
    if not 1 <= k <= MOST:
        raise UserError(f"--k is {k}", f"ask for 1 to {MOST} gifts")
    options = options_of(**given, count=k)
    table = _rates(rates)
    show = ShowReply(as_json)
    model = opened(run)
    with _snapshot(catalog, day, show) as snapshot:
        if like is not None:
            snapshot.gift(like)  # or who reads "more like this" would get what is not
        show.say(f"reading {len(snapshot):,} gifts (the first time their texts take a while)")
        agent = _agent(snapshot, model, table)
        wishes = _heard(sentence, options, day, agent, table)
        try:
            show.replies([(heard, agent.recommend_sync(heard.wish)) for heard in wishes], explain)
        finally:
            agent.runner.close()


def _heard(
    sentence: str | None, options: "Options", on: date, agent: "Agent", rates: RateTable | None
) -> "tuple[Heard, ...]":
    from giftrec.asking import all_from_sentence, from_words

    front, currency = agent.front, agent.front.snapshot.currency
    words, terms = front.vocabulary, front.texts.terms
    if sentence is None:
        return (from_words(options, on, words, rates=rates, currency=currency, terms=terms),)
    return all_from_sentence(
        sentence, on, words, rates=rates, currency=currency, changes=options, terms=terms
    )


def _snapshot(folder: Path, on: date, show: ShowReply) -> "Snapshot":
    """What is live; a catalogue of a later day than is asked about cannot be known yet."""
    from giftrec.catalog.default import default_catalogue

    snapshot = default_catalogue(folder, on, show.say).current()
    if date.fromisoformat(snapshot.as_of) > on:
        with snapshot:
            raise UserError(
                f"the catalogue {folder} is of {snapshot.as_of}, after {on}",
                f"--on {snapshot.as_of} or later",
            )
    return snapshot


def _agent(snapshot: "Snapshot", model: Any, rates: RateTable | None) -> "Agent":
    from giftrec.agent.agent import Agent
    from giftrec.agent.settings import AgentSettings
    from giftrec.agent.storefront import Storefront
    from giftrec.tools.provider import SnapshotProvider
    from giftrec.tools.registry import default_tools
    from giftrec.tools.runner import Runner

    tools = [replace(tool, timeout_s=PATIENCE_S) for tool in default_tools()]
    runner = Runner(SnapshotProvider(snapshot).prepare(), tools)
    settings = AgentSettings(deadline_s=PATIENCE_S)
    return Agent(Storefront.of(snapshot, model), runner, settings, rates)


def _is_folder(sentence: str) -> bool:
    """Whether somebody gave a run where a sentence stands."""
    try:
        return Path(sentence).is_dir()
    except (OSError, ValueError):  # a long text is no name of a file
        return False


def _rates(path: Path | None) -> RateTable | None:
    from giftrec.catalog.gifts import parse_record, read_json

    return None if path is None else parse_record(RateTable, read_json(path), str(path))


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{option} {text[:40]!r} is no day", "e.g. 2026-12-24") from None

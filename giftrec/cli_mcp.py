"""`giftrec mcp`: the gift agent for assistants, over stdin and stdout or over HTTP."""

import contextlib
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reccore.errors import UserError, need

if TYPE_CHECKING:
    from giftrec.bundle.bundle import GiftBundle
    from giftrec.counter import Counter
    from giftrec.money import RateTable

CATALOGUE = Path("catalogue")  # where none is named
LOOK_S = 1.0  # how often it is looked whether another catalogue went live


def mcp(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[BUNDLE]", help="The model's bundle (default: the one that ships)."
        ),
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the live catalogue (default: catalogue, with a demonstration shop"
            " where nothing was imported).",
            metavar="DIR",
        ),
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(help="Dated exchange rates (JSON), for budgets in other currencies."),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Serve over HTTP instead of stdin and stdout.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to bind, with --http.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8000,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A host name it is reached by; give it again for more."),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="File of API keys; see `giftrec keys`.", metavar="TOML")
    ] = None,
    per_second: Annotated[
        float, typer.Option(min=0.0, help="Requests a second of one caller; 0: no limit.")
    ] = 0.0,
    log: Annotated[
        Literal["auto", "json", "text"], typer.Option(help="Form of the log on stderr.")
    ] = "auto",
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option(help="HTTP requests are logged at info."),
    ] = "info",
) -> None:
    """Let assistants choose gifts: the agent as a server of the Model Context Protocol.

    An assistant's configuration names this command; it answers over stdin and stdout until the
    assistant goes. With --http it serves many, at http://HOST:PORT/mcp; any host but this machine
    needs --keys. It follows the catalogue: what `giftrec catalog import` makes live answers within
    a second.
    """
    need("mcp", "mcp")
    from giftrec.mcp.following import follow
    from giftrec.mcp.logs import quiet
    from giftrec.mcp.opening import Opening
    from giftrec.mcp.server import gift_server
    from giftrec.mcp.shared import Shared
    from giftrec.mcp.stdio import end, serve_stdio

    logs = quiet(log_level, log)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout belongs to the protocol
            bundle, table = _checked(model, catalogue, rates)
        opening = Opening(lambda: _opened(bundle, catalogue, table))
        shared = Shared(
            lambda: opening.result().desk.agent,
            trouble=lambda: opening.result().trouble,
            vocabulary=lambda: bundle.vocabulary,
            opened=lambda: opening.done,
        )
        server = gift_server(shared)
        if http:
            from giftrec.mcp.http import Address, http_edge, serve_http
            from reccore.serve.limits import Limit

            at = Address(host, port, tuple(name or ()))
            limit = Limit.of(per_second, max(1, int(2 * per_second)))
            edge = http_edge(server, at, keys, limit, logs)
            opening.result()  # who finds the port open finds it answering
        stop = follow(lambda: opening.done and _look(opening.result(), catalogue), LOOK_S)
        if http:
            serve_http(edge, at)
        else:
            serve_stdio(server, logs)
        stop.set()
        if not opening.over:
            end(logs)  # nobody waits for it any more
        opening.result().close()
    finally:
        logs.close()


def _look(counter: "Counter", named: Path | None) -> bool:
    """Follow the catalogue; the demonstration shop is of today, every day."""
    from giftrec.catalog.default import default_catalogue, is_demonstration

    snapshot, today = counter.desk.snapshot, date.today()
    if named is None and is_demonstration(snapshot.facts) and snapshot.as_of != today.isoformat():
        default_catalogue(CATALOGUE, today)
    return counter.look()


def _checked(
    model: Path | None, named: Path | None, rates: Path | None
) -> "tuple[GiftBundle, RateTable | None]":
    """The model and the rates; what is missing is refused before anybody is answered."""
    from giftrec.bundle.bundle import GiftBundle
    from giftrec.catalog.default import default_catalogue
    from giftrec.catalog.gifts import parse_record, read_json
    from giftrec.catalog.live import Catalogue
    from giftrec.checkpoints import CHECKPOINTS, RELEASED, is_bundle
    from giftrec.money import RateTable

    path = model or CHECKPOINTS / RELEASED
    if not is_bundle(path):
        raise UserError(f"{path} is not a bundle", "giftrec export RUN --out DIR makes one")
    table = None if rates is None else parse_record(RateTable, read_json(rates), str(rates))
    if named is None:
        default_catalogue(CATALOGUE, date.today(), lambda said: typer.echo(said, err=True))
    else:
        Catalogue(named).live()
    return GiftBundle.open(path), table


def _opened(bundle: "GiftBundle", named: Path | None, rates: "RateTable | None") -> "Counter":
    from giftrec.asking import from_sentence
    from giftrec.counter import Counter

    counter = Counter(bundle, named or CATALOGUE, rates=rates)
    words = counter.desk.vocabulary
    from_sentence("a birthday gift for a friend", date.today(), words)  # reads its lexicon now
    return counter

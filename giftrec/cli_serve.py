"""`giftrec serve`, `rollout` and `keys`: the gift agent as a REST API and web pages."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from giftrec.checkpoints import CHECKPOINTS, RELEASED, is_bundle
from giftrec.cli_registry import prove
from giftrec.show import Show
from reccore.bundle.registry import ROOT, Registry
from reccore.errors import UserError, need
from reccore.serve.cli_keys import keys_app
from reccore.serve.cli_rollout import rollout_app

if TYPE_CHECKING:
    from giftrec.api.settings import GiftSettings

keys = keys_app(Show)
rollout = rollout_app("giftrec", Show, prove)

NAME = "gifts"


def serve(
    name: Annotated[str, typer.Argument(help="The model's name in the registry.")] = NAME,
    root: Annotated[Path, typer.Option(help="The registry's folder.", metavar="DIR")] = ROOT,
    catalogue: Annotated[
        Path | None,
        typer.Option(help="The catalogue's folder (default: catalogue).", metavar="DIR"),
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option(help="Dated exchange rates: JSON of `on`, `base` and `rates` by currency."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings of the server, as serve.toml.", metavar="FILE")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind (default 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind (default 8000).")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="File of API keys; see `giftrec keys`.", metavar="TOML")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: `cache.memory_mb=64`."),
    ] = None,
    log: Annotated[
        Literal["auto", "json", "text"], typer.Option(help="Form of the log on stderr.")
    ] = "auto",
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option(help="Requests are logged at info."),
    ] = "info",
) -> None:
    """Serve the gift agent: REST API, web pages, health and metrics.

    It follows the registry and the catalogue: what `giftrec registry activate` makes champion, and
    what `giftrec catalog import` makes live, answers as soon as it is loaded, and no request fails
    meanwhile. With no model in the registry it puts the one that ships there; with no catalogue it
    sets up a demonstration shop. Settings come from --config, then SERVE_... variables, then
    options.
    """
    for module in ("fastapi", "uvicorn", "uvloop", "httptools", "prometheus_client"):
        need(module, "serve")
    from giftrec.api.gifts import Gifts
    from giftrec.api.settings import GiftSettings
    from giftrec.app import application
    from reccore.serve.run import run

    given = {"host": host, "port": port, "keys": keys, "catalogue": catalogue, "rates": rates}
    more = [f"{key}={value}" for key, value in given.items() if value is not None]
    settings = GiftSettings.read(config, [*(changes or []), *more])
    registry = Registry("giftrec", root, prove)
    prepare(registry, name, settings)
    gifts = Gifts(registry, settings)
    run(lambda logs: application(gifts, name, logs), settings, log_level, log)


def prepare(registry: Registry, name: str, settings: "GiftSettings") -> None:
    """A model that answers and gifts to choose from; what had to be set up is said.

    Refusals come here, before anything is bound.
    """
    from giftrec.catalog.default import default_catalogue

    if not (registry.root / name).is_dir():
        released = CHECKPOINTS / RELEASED
        if name != NAME or not is_bundle(released):
            raise UserError(
                f"there is no model {name!r} in {registry.root}",
                "giftrec export RUN --out DIR, then giftrec registry add DIR and activate it",
            )
        version = registry.add(released, name)
        registry.activate(name, version)
        typer.echo(f"the model that ships is {name} {version} in {registry.root} now", err=True)
    registry.resolve(name)
    default_catalogue(settings.catalogue, date.today(), lambda said: typer.echo(said, err=True))

"""`cinesync serve`, `rollout` and `keys`: a model of the registry as a REST API and web pages."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from cinesync.show import Show
from reccore.bundle.registry import ROOT, Registry
from reccore.errors import need
from reccore.serve.cli_keys import keys_app
from reccore.serve.cli_rollout import rollout_app

keys = keys_app(Show)
rollout = rollout_app("cinesync", Show)

Name = Annotated[str, typer.Argument(help="The model's name in the registry.")]
Root = Annotated[Path, typer.Option(help="The registry's folder.", metavar="DIR")]
Config = Annotated[
    Path | None, typer.Option(help="Settings of the server, as serve.toml.", metavar="FILE")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting: `cache.memory_mb=64`."),
]


def serve(
    name: Name,
    root: Root = ROOT,
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to bind (default 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind (default 8000).")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="File of API keys; see `cinesync keys`.", metavar="TOML")
    ] = None,
    changes: Changes = None,
    log: Annotated[
        Literal["auto", "json", "text"], typer.Option(help="Form of the log on stderr.")
    ] = "auto",
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option(help="Requests are logged at info."),
    ] = "info",
) -> None:
    """Serve the champion of NAME: REST API, web pages, health and metrics.

    It follows the registry: what `cinesync registry activate` makes champion answers within a
    second, and no request fails meanwhile. Settings come from --config, then SERVE_... variables
    (SERVE_CACHE__REDIS_URL is cache.redis_url), then options.
    """
    for module in ("fastapi", "uvicorn", "uvloop", "httptools", "prometheus_client"):
        need(module, "serve")
    from cinesync.app import application
    from reccore.serve.run import run
    from reccore.serve.settings import ServeSettings

    given = {"host": host, "port": port, "keys": keys}
    more = [f"{key}={value}" for key, value in given.items() if value is not None]
    settings = ServeSettings.read(config, [*(changes or []), *more])
    registry = Registry("cinesync", root)
    registry.resolve(name)  # a refusal before anything is bound
    run(lambda logs: application(registry, name, settings, logs), settings, log_level, log)


def precompute_lists(
    name: Name,
    root: Root = ROOT,
    config: Config = None,
    top: Annotated[int, typer.Option(min=1, help="Users with the longest histories.")] = 10_000,
    count: Annotated[int, typer.Option(min=1, max=100, help="Items of each list.")] = 10,
    changes: Changes = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Answer the most active users beforehand, into the lists that servers read (cache.lists).

    Servers that run take the new lists within a second. Run it after each activation, or nightly.
    """
    from cinesync.api.models import Recommend
    from cinesync.precompute import precompute
    from reccore.serve.settings import ServeSettings

    show, began = Show(as_json), time.perf_counter()
    settings = ServeSettings.read(config, changes or [])
    registry = Registry("cinesync", root)
    with show.bar("answering") as progress:
        asked = Recommend(user="anybody", count=count)
        lists = precompute(registry, name, settings, top, asked, progress)
    seconds = round(time.perf_counter() - began, 2)
    facts = {"lists": lists, "version": registry.version(name), "seconds": seconds}
    show.record(f"wrote {lists} lists", facts)

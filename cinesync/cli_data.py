"""`cinesync data`: what sources there are, preparing one, and looking into one."""

from pathlib import Path
from typing import Annotated

import typer

from cinesync import sources
from cinesync.show import Show
from cinesync.sources.oracle import best_reachable

data = typer.Typer(help="List, prepare and describe data sets.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Source = Annotated[Path | None, typer.Option("--from", help="File or folder that holds it.")]


@data.command("list")
def list_sources(as_json: AsJson = False) -> None:
    """The sources CineSync knows, with their licences."""
    rows = [
        {
            "name": source.name,
            "summary": source.summary,
            "licence": source.licence,
            "download": source.url,
        }
        for source in sources.SOURCES.values()
    ]
    Show(as_json).records("Sources", rows)


@data.command()
def prepare(
    name: Annotated[str, typer.Argument(help="A source of `cinesync data list`.")],
    out: Annotated[Path, typer.Option(help="Folder for interactions.parquet and items.parquet.")],
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Download (or read --from) a data set and write it in one normalised form."""
    show = Show(as_json)
    with show.bar(f"preparing {name}") as progress:
        written = sources.prepare(name, out, source, progress)
    if as_json:
        show.json({"out": str(written)})
    else:
        show.console.print(f"wrote {written}")


@data.command()
def describe(
    name: Annotated[str, typer.Argument(help="A source of `cinesync data list`.")] = "generated",
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Rows, users, items, density, time range, values and fingerprint of a data set."""
    show = Show(as_json)
    dataset = sources.load(name, source).dataset
    facts = sources.describe(dataset)
    if name == "generated":
        facts |= best_reachable(dataset)
    if as_json:
        show.json(facts)
    else:
        show.records(name, [{"fact": key, "value": value} for key, value in facts.items()])

"""`cinesync index`: what a bundle can recommend, changed without training."""

from pathlib import Path
from typing import Annotated, Literal

import polars as pl
import typer

from cinesync.bundles import BundleRun
from cinesync.cli_recommend import listed
from cinesync.show import Show
from reccore.bundle import indexing
from reccore.config import validate
from reccore.errors import UserError
from reccore.retrieve.choose import RetrieveSettings

index = typer.Typer(
    help="Add, remove and find a bundle's items; every change is a new, whole generation.",
    no_args_is_help=True,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A bundle.")]


@index.command()
def add(
    bundle: Folder,
    items: Annotated[
        Path,
        typer.Option(help="Parquet or CSV: id, title, features (`Comedy|Drama`), or `vector`."),
    ],
    as_json: AsJson = False,
) -> None:
    """Add new items, visible at once: where their features put them, or at given vectors."""
    done = indexing.add(BundleRun(bundle).bundle, read_items(items))
    facts = {"items": done.items, "placed by": done.by, "generation": done.manifest.generation}
    Show(as_json).record(f"added to {bundle}", facts)


@index.command()
def remove(
    bundle: Folder,
    items: Annotated[str, typer.Option(help="Ids never to recommend again: `ID,ID,...`")],
    as_json: AsJson = False,
) -> None:
    """Never recommend these items again."""
    manifest = indexing.remove(BundleRun(bundle).bundle, [*listed(items)])
    facts = {"removed": len(manifest["removed"]), "generation": manifest.generation}
    Show(as_json).record(f"removed from {bundle}", facts)


@index.command()
def refresh(
    bundle: Folder,
    kind: Annotated[
        Literal["auto", "flat", "ivf", "hnsw"] | None, typer.Option(help="Another kind of index.")
    ] = None,
    recall: Annotated[float | None, typer.Option(help="Recall@10 it must reach.")] = None,
    as_json: AsJson = False,
) -> None:
    """Choose and build the index anew over the items that are left."""
    opened = BundleRun(bundle).bundle
    known = dict((opened.manifest["index"] or {}).get("settings", {}))
    asked = {"kind": kind, "recall": recall}
    wanted = {**known, **{name: value for name, value in asked.items() if value is not None}}
    how = validate(RetrieveSettings, wanted, "the index's settings")
    manifest = indexing.refresh(opened, how)
    built = manifest["index"]["record"]
    facts = {"kind": "flat" if built is None else built["kind"], "generation": manifest.generation}
    Show(as_json).record(f"refreshed {bundle}", facts)


@index.command()
def report(bundle: Folder, as_json: AsJson = False) -> None:
    """What the index finds beside exact search, and how fast."""
    facts = indexing.report(BundleRun(bundle).bundle)
    Show(as_json).record(str(bundle), facts)


def read_items(path: Path) -> pl.DataFrame:
    if not path.exists():
        raise UserError(f"no such file: {path}")
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    if path.suffix == ".csv":
        return pl.read_csv(path)
    raise UserError(f"{path} is neither Parquet nor CSV", "name it .parquet or .csv")

"""`cinesync export` and what can be done with the folder it writes."""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cinesync.bundles import BundleRun, export
from cinesync.runs import load_run
from cinesync.show import Show
from reccore.bundle.batch import score_all
from reccore.bundle.manifest import Manifest
from reccore.bundle.people import forget
from reccore.bundle.quantise import Quantise

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def export_run(
    run_path: Annotated[Path, typer.Argument(metavar="RUN")],
    out: Annotated[Path, typer.Option(help="Write the bundle here.")],
    users: Annotated[
        bool,
        typer.Option(
            "--users/--no-users",
            help="Keep known users with what they have met. Without, it answers histories.",
        ),
    ] = True,
    diversity: Annotated[
        float, typer.Option(help="How much relevance answers trade for variety, 0 to 1.")
    ] = 0.0,
    quantize: Annotated[
        Quantise | None, typer.Option(help="Store smaller numbers, if that costs little quality.")
    ] = None,
    index: Annotated[
        Literal["auto", "flat", "ivf", "hnsw"],
        typer.Option(help="How the best items are found; auto: by size and measured recall."),
    ] = "auto",
    recall: Annotated[
        float, typer.Option(help="Recall@10 against exact search that the index must reach.")
    ] = 0.99,
    as_json: AsJson = False,
) -> None:
    """Turn RUN into a bundle: one folder that answers without the data, the trainer or torch.

    Scores must agree with the run's to 1e-5, and example requests are stored with their answers.
    """
    show = Show(as_json)
    done = export(load_run(run_path), out, users=users, diversity=diversity, quantise=quantize)
    facts: dict[str, Any] = {
        "bundle": str(done.path),
        "model": done.manifest["model"],
        "files": len(done.manifest.files),
        "bytes": done.manifest.size,
        "parity": done.parity,
        "index": _index(done.manifest),
    }
    cost = done.manifest["quantised"]
    if cost is not None:
        facts |= cost
    show.record(f"wrote {done.path}", facts)


def _index(manifest: Manifest) -> str:
    built = manifest["index"]
    if built is None:
        return "none: its scores are no inner products"
    chosen = built["report"]["chosen"]
    return f"{chosen['kind']}, recall@10 {chosen['recall']:.3f}"


def forget_user(
    bundle: Annotated[Path, typer.Argument(metavar="DIR", help="A bundle.")],
    user: Annotated[str, typer.Option(help="The id of the user to forget.")],
    as_json: AsJson = False,
) -> None:
    """Delete one known user from a bundle: the id, what was met, and what was learned of them."""
    opened = BundleRun(bundle)
    manifest = forget(opened.bundle, user)
    left = 0 if opened.bundle.users is None else len(opened.bundle.users) - 1
    facts = {"bundle": str(bundle), "generation": manifest.generation, "users left": left}
    Show(as_json).record(f"{user} is forgotten", facts)


def score_everyone(
    bundle: Annotated[Path, typer.Argument(metavar="DIR", help="A bundle.")],
    users: Annotated[
        Path,
        typer.Option(
            help="File with a column `user` and, if you like, lists `history` and `times`."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the Parquet shards.")],
    k: Annotated[int, typer.Option(help="How many items.")] = 10,
    now: Annotated[
        int | None, typer.Option(help="When all of them ask: seconds since 1970.")
    ] = None,
    shard: Annotated[int, typer.Option(help="People of a shard.")] = 10_000,
    as_json: AsJson = False,
) -> None:
    """Answer everyone in a file, shard by shard; the same call goes on after a kill."""
    show, began = Show(as_json), time.perf_counter()
    opened = BundleRun(bundle).bundle
    with show.bar("scoring") as progress:
        done = score_all(opened, users, out, k=k, now=now, shard=shard, progress=progress)
    facts = {
        "people": done.users,
        "shards": done.shards,
        "found done": done.found,
        "answered by popularity": done.strangers,
        "seconds": round(time.perf_counter() - began, 2),
    }
    show.record(f"wrote {done.folder}", facts)

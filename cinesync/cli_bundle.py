"""`cinesync export` and what can be done with the folder it writes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cinesync.bundles import BundleRun, export
from cinesync.runs import load_run
from cinesync.show import Show
from reccore.bundle.people import forget

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
    as_json: AsJson = False,
) -> None:
    """Turn RUN into a bundle: one folder that answers without the data, the trainer or torch.

    Scores must agree with the run's to 1e-5, and example requests are stored with their answers.
    """
    show = Show(as_json)
    done = export(load_run(run_path), out, users=users, diversity=diversity)
    files: dict[str, dict[str, Any]] = done.manifest.files
    size = sum(entry["bytes"] for entry in files.values())
    facts = {
        "bundle": str(done.path),
        "model": done.manifest["model"],
        "files": len(files),
        "bytes": size,
        "parity": done.parity,
    }
    show.record(f"wrote {done.path}", facts)


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

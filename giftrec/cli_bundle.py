"""`giftrec export`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from giftrec.show import Show

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def export_run(
    run_path: Annotated[Path, typer.Argument(metavar="RUN")],
    out: Annotated[Path, typer.Option(help="Write the bundle here.")],
    as_json: AsJson = False,
) -> None:
    """Turn RUN into a bundle: one folder that answers without scenarios, the trainer or torch.

    Every figure must agree with the run's to 1e-5; example requests are stored with their answers.
    """
    from reccore.errors import need

    need("torch", "train")
    from giftrec.bundle.export import export
    from giftrec.runs import load_run

    done = export(load_run(run_path), out)
    files: dict[str, dict[str, Any]] = done.manifest.files
    facts = {
        "bundle": str(done.path),
        "model": done.manifest["model"],
        "files": len(files),
        "bytes": sum(entry["bytes"] for entry in files.values()),
        "parity": done.parity,
    }
    Show(as_json).facts(f"wrote {done.path}", facts)

"""RUN of a command line: a run or a bundle, and that the shipped one answers is said."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # runs bring torch
    from giftrec.bundle.bundle import GiftBundle
    from giftrec.runs import Run


def opened(path: Path | None) -> "Run | GiftBundle":
    """RUN, or what there is to answer with."""
    from giftrec.checkpoints import is_bundle, open_any

    run = open_any(path)
    if path is None and is_bundle(run.path):
        typer.echo(f"no finished run here: the bundle {run.path} answers", err=True)
    return run

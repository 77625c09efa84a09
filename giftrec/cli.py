"""`giftrec`: the command line of the gift agent."""

import sys
from typing import Annotated

import typer

from reccore.cli import exit_codes
from reccore.run import package_version

app = typer.Typer(
    help="Gift recommendations. This release carries the shared core; see `cinesync` for models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"giftrec {package_version()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    sys.exit(exit_codes(app, "giftrec"))

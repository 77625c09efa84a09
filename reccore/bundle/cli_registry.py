"""The `registry` commands of either product: the same words, the product's own printing."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from reccore.bundle.mlflow import log_bundle
from reccore.bundle.registry import ORDER, ROOT, Aliases, Prove, Registry, prove
from reccore.cli import FAILURE
from reccore.show import Plain

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Root = Annotated[Path, typer.Option(help="The registry's folder.", metavar="DIR")]
Name = Annotated[str, typer.Argument(help="The model's name in the registry.")]
Which = Annotated[
    str, typer.Argument(metavar="[VERSION]", help="A version, or champion, challenger, previous.")
]


def registry_app(product: str, show: Callable[[bool], Plain], prove: Prove = prove) -> typer.Typer:
    """The sub-command; `show(as_json)` prints, `prove` is what a bundle must pass to answer."""
    app = typer.Typer(
        help="Bundles by name and version: add, activate, roll back, verify.", no_args_is_help=True
    )

    @app.command()
    def add(
        bundle: Annotated[Path, typer.Argument(metavar="DIR", help="A bundle.")],
        name: Name,
        version: Annotated[
            str | None, typer.Option(help="Its version (default: the next number).")
        ] = None,
        challenger: Annotated[
            bool, typer.Option("--challenger", help="Make it the challenger, too.")
        ] = False,
        force: Annotated[
            bool, typer.Option("--force", help="Take a bundle that is not blessed.")
        ] = False,
        root: Root = ROOT,
        as_json: AsJson = False,
    ) -> None:
        """Copy the bundle DIR into the registry under NAME, whole and checked."""
        registry = Registry(product, root, prove)
        added = registry.add(bundle, name, version, challenger=challenger, force=force)
        facts = {"name": name, "version": added, "path": str(root / name / added)}
        aliases = _held(registry.aliases(name))
        show(as_json).record(f"added {name} {added}", {**facts, "aliases": aliases})

    @app.command("list")
    def list_(
        name: Annotated[str | None, typer.Argument(help="Of this name only.")] = None,
        root: Root = ROOT,
        as_json: AsJson = False,
    ) -> None:
        """List the versions, who is champion and challenger, and what each was made from."""
        told = ("model", "data", "created", *(("generation", "blessed") if as_json else ()))
        rows = [
            {
                "name": one.name,
                "version": one.version,
                "aliases": list(one.aliases),
                **{fact: one.facts.get(fact) for fact in told},
                "problem": one.problem,
            }
            for one in Registry(product, root, prove).list(name)
        ]
        show(as_json).records(f"Registry {root}", rows)

    @app.command()
    def activate(
        name: Name, version: Which = "challenger", root: Root = ROOT, as_json: AsJson = False
    ) -> None:
        """Make VERSION (default: the challenger) the champion, once it has proved itself.

        Its hashes, a first answer and its golden requests are checked; if any fails, the champion
        stays. The champion becomes previous.
        """
        aliases = Registry(product, root, prove).activate(name, version)
        title = f"{name} {aliases['champion']} is champion"
        show(as_json).record(title, {"name": name, **_held(aliases)})

    @app.command()
    def rollback(name: Name, root: Root = ROOT, as_json: AsJson = False) -> None:
        """Make the previous champion champion again."""
        aliases = Registry(product, root, prove).rollback(name)
        title = f"{name} {aliases['champion']} is champion again"
        show(as_json).record(title, {"name": name, **_held(aliases)})

    @app.command()
    def verify(
        name: Name,
        version: Annotated[
            str | None,
            typer.Argument(metavar="[VERSION]", help="A version or an alias (default: all)."),
        ] = None,
        root: Root = ROOT,
        as_json: AsJson = False,
    ) -> None:
        """Check every file of the versions against its hash; exit code 1 if any is damaged."""
        found = Registry(product, root, prove).verify(name, version)
        rows = [
            {"version": one, "whole": problem is None, "problem": problem}
            for one, problem in found.items()
        ]
        show(as_json).records(f"{name} in {root}", rows)
        if any(problem is not None for problem in found.values()):
            raise typer.Exit(FAILURE)

    @app.command()
    def mlflow(
        name: Name,
        version: Which = "champion",
        uri: Annotated[
            str | None, typer.Option(help="The tracking server (default: MLFLOW_TRACKING_URI).")
        ] = None,
        experiment: Annotated[
            str | None, typer.Option(help="The experiment there (default: NAME).")
        ] = None,
        root: Root = ROOT,
        as_json: AsJson = False,
    ) -> None:
        """Log VERSION (default: the champion) to MLflow: its files, facts and metrics."""
        registry = Registry(product, root, prove)
        known = registry.version(name, version)
        run = log_bundle(
            root / name / known,
            experiment=experiment or name,
            uri=uri,
            tags={"registry.name": name, "registry.version": known},
        )
        facts = {"name": name, "version": known, "mlflow_run": run}
        show(as_json).record(f"logged {name} {known}", facts)

    return app


def _held(aliases: Aliases) -> dict[str, str | None]:
    """Every alias, with None where nobody has it."""
    return {alias: aliases.get(alias) for alias in ORDER}

"""The `rollout` commands of either product: try a version on some, then on all, or stop."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from reccore.bundle.registry import ROOT, Prove, Registry, prove
from reccore.config import validate
from reccore.serve import rollout
from reccore.serve.rollout import Limits, Plan
from reccore.show import Plain

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Root = Annotated[Path, typer.Option(help="The registry's folder.", metavar="DIR")]
Name = Annotated[str, typer.Argument(help="The model's name in the registry.")]
Which = Annotated[str, typer.Argument(metavar="[VERSION]", help="A version, or an alias.")]
Share = Annotated[float, typer.Option(help="Share of people who get its answers, 0 to 1.")]
Shadow = Annotated[
    float, typer.Option(help="Share of people for whom it answers too, unseen, 0 to 1.")
]
ErrorRate = Annotated[float | None, typer.Option(help="Limit: the share of answers that may fail.")]
Latency = Annotated[float | None, typer.Option(help="Limit of the p95 in ms (0: none).")]
Ratio = Annotated[
    float | None, typer.Option(help="Limit of the p95 against the champion's (0: none).")
]
Least = Annotated[int | None, typer.Option(help="Answers before anything is judged.")]
Window = Annotated[float | None, typer.Option(help="Seconds that are judged at a time.")]
Fresh = Annotated[float | None, typer.Option(help="Seconds that a new champion is watched.")]


def rollout_app(product: str, show: Callable[[bool], Plain], prove: Prove = prove) -> typer.Typer:
    """The sub-command; `show(as_json)` prints, `prove` is what a version must pass to be tried."""
    app = typer.Typer(
        help="Try a version on a share of the people; it is withdrawn when it breaks its limits.",
        no_args_is_help=True,
    )

    @app.command()
    def start(
        name: Name,
        version: Which = "challenger",
        share: Share = 0.0,
        shadow: Shadow = 0.0,
        error_rate: ErrorRate = None,
        latency_ms: Latency = None,
        latency_ratio: Ratio = None,
        least: Least = None,
        window_s: Window = None,
        root: Root = ROOT,
        as_json: AsJson = False,
    ) -> None:
        """Try VERSION (default: the challenger) beside the champion, once it has proved itself.

        Limits that are not given stay as they were.
        """
        registry = Registry(product, root, prove)
        limits = _limits(
            rollout.read(registry, name).limits,
            error_rate=error_rate,
            latency_ms=latency_ms,
            latency_ratio=latency_ratio,
            least=least,
            window_s=window_s,
        )
        plan = rollout.start(registry, name, version, share, shadow, limits)
        show(as_json).record(_title(name, plan), _facts(name, plan))

    @app.command()
    def share(
        name: Name,
        share: Annotated[float, typer.Argument(help="Share of people, 0 to 1.")],
        shadow: Annotated[
            float | None, typer.Option(help="Change the shadow's share, too.")
        ] = None,
        root: Root = ROOT,
        as_json: AsJson = False,
    ) -> None:
        """Change on how many it is tried: nobody who has it already loses it when this rises."""
        plan = rollout.set_share(Registry(product, root, prove), name, share, shadow)
        show(as_json).record(_title(name, plan), _facts(name, plan))

    @app.command()
    def stop(
        name: Name,
        why: Annotated[str, typer.Option(help="For the record.")] = "stopped by hand",
        root: Root = ROOT,
        as_json: AsJson = False,
    ) -> None:
        """Send everybody back to the champion."""
        registry = Registry(product, root, prove)
        rollout.stop(registry, name, why)
        plan = rollout.read(registry, name)
        show(as_json).record(_title(name, plan), _facts(name, plan))

    @app.command()
    def status(name: Name, root: Root = ROOT, as_json: AsJson = False) -> None:
        """Say what is being tried, on how many, or why it was stopped."""
        registry = Registry(product, root, prove)
        champion, plan = registry.version(name, "champion"), rollout.read(registry, name)
        facts = {"answers": champion, **_facts(name, plan), "running": plan.tries(champion)}
        show(as_json).record(_title(name, plan), facts)

    @app.command()
    def promote(
        name: Name,
        watch: Annotated[
            bool,
            typer.Option(
                "--watch/--no-watch", help="Roll it back by itself if it breaks the limits."
            ),
        ] = True,
        root: Root = ROOT,
        as_json: AsJson = False,
    ) -> None:
        """Make the tried version the champion, once it has proved itself, and end the trial."""
        aliases = rollout.promote(Registry(product, root, prove), name, watch=watch)
        held = {"champion": aliases.get("champion"), "previous": aliases.get("previous")}
        facts = {"name": name, **held, "watched": watch}
        show(as_json).record(f"{name} {aliases['champion']} is champion", facts)

    @app.command()
    def watch(
        name: Name,
        on: Annotated[bool, typer.Option("--on/--off", help="Watch, or do not.")] = True,
        error_rate: ErrorRate = None,
        latency_ms: Latency = None,
        latency_ratio: Ratio = None,
        least: Least = None,
        window_s: Window = None,
        fresh_s: Fresh = None,
        root: Root = ROOT,
        as_json: AsJson = False,
    ) -> None:
        """Watch champions that come from now on, however they come, and roll them back."""
        registry = Registry(product, root, prove)
        before = rollout.read(registry, name).limits
        limits = _limits(
            before,
            error_rate=error_rate,
            latency_ms=latency_ms,
            latency_ratio=latency_ratio,
            least=least,
            window_s=window_s,
            fresh_s=fresh_s,
        )
        plan = rollout.watch_champions(registry, name, on, None if limits == before else limits)
        title = f"new champions of {name} are {'watched' if on else 'not watched'}"
        show(as_json).record(title, _facts(name, plan))

    return app


def _limits(before: Limits, **given: float | None) -> Limits:
    """The earlier limits, with those that were given laid over them; 0 lifts a latency's limit."""
    told = {key: value for key, value in given.items() if value is not None}
    lifted = {key: None for key in ("latency_ms", "latency_ratio") if told.get(key) == 0}
    return validate(Limits, {**before.model_dump(), **told, **lifted}, "the options")


def _title(name: str, plan: Plan) -> str:
    if plan.stopped is not None:
        return f"{name} {plan.version or ''} is not tried: {plan.stopped}".replace("  ", " ")
    if plan.version is None:
        return f"{name}: nothing is being tried"
    return f"{name} {plan.version} is tried on {plan.share:.4g} of the people"


def _facts(name: str, plan: Plan) -> dict[str, Any]:
    facts = plan.model_dump(exclude={"limits", "seed"})
    return {"name": name, **facts, **plan.limits.model_dump()}

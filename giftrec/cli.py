"""`giftrec`: scenarios, training, testing and recommending from the command line."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from giftrec import presets
from giftrec.cli_bundle import export_run
from giftrec.cli_catalog import catalog
from giftrec.cli_mcp import mcp
from giftrec.cli_model import opened
from giftrec.cli_recommend import recommend
from giftrec.cli_registry import registry
from giftrec.cli_scenarios import scenarios
from giftrec.cli_serve import keys, rollout, serve
from giftrec.learn.heard import Heard
from giftrec.show import Show
from reccore.cli import assignments_of, exit_codes
from reccore.config import merge, parse_assignments
from reccore.errors import UserError
from reccore.run import package_version
from reccore.track import Together, Tracker

app = typer.Typer(
    help="Gifts that fit: train the gift model, test it against a known truth, recommend.",
    epilog="Start with: giftrec train, then giftrec test-best",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(scenarios, name="scenarios")
app.command("recommend")(recommend)
app.command("export")(export_run)
app.add_typer(registry, name="registry")
app.add_typer(catalog, name="catalog")
app.command("mcp")(mcp)
app.command("serve")(serve)
app.add_typer(rollout, name="rollout")
app.add_typer(keys, name="keys")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RunPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run or a bundle (default: the newest run, else the bundle that ships).",
    ),
]
ScenarioFile = Annotated[
    Path | None, typer.Option("--scenarios", help="A scenario file (default: the shipped 100).")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"giftrec {package_version()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def train(
    preset: Annotated[
        str | None,
        typer.Option(help=f"A shipped configuration: {', '.join(presets.names())}."),
    ] = None,
    scenario_file: ScenarioFile = None,
    gifts: Annotated[
        Path | None, typer.Option(help="Your own gifts: a JSON list like the shipped one.")
    ] = None,
    vocabulary: Annotated[
        Path | None, typer.Option(help="Your own words: a TOML file like the shipped one.")
    ] = None,
    feedback: Annotated[
        str | None,
        typer.Option(
            metavar="URL_OR_FILE", help="Learn from what people did, too: the feedback store."
        ),
    ] = None,
    kept: Annotated[
        str | None,
        typer.Option(
            metavar="URL_OR_FILE",
            help="The recommendations that they reacted to (default: beside the feedback).",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides split and every random draw.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Train at most this long.")] = None,
    changes: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. `train.lr=1e-3`."),
    ] = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(help="Write the run here (default: under checkpoints/).")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with this interrupted run.", metavar="RUN")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ... (default: auto)")] = None,
    wandb: Annotated[
        bool, typer.Option("--wandb", help="Log to Weights & Biases, offline by default.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train the integrated gift model on scenarios.

    Without options it learns the shipped scenarios with the compact preset: `giftrec train`.
    """
    from giftrec import settings, training
    from giftrec.runs import Run

    show = Show(as_json)
    trackers: list[Tracker] = [show.live()]
    if wandb:
        from reccore.track.wandb import Wandb

        trackers.append(Wandb(project="giftrec"))
    tracker = Together(trackers)
    if kept is not None and feedback is None:
        raise UserError("--kept without --feedback", "name the feedback store as well")
    if resume is not None and feedback is not None:
        raise UserError("--feedback with --resume", "an interrupted run has its own feedback")
    if resume is not None:
        run = Run(training.resume(resume, tracker=tracker))
    else:
        given = {
            "data.scenarios": _text(scenario_file),
            "data.gifts": _text(gifts),
            "data.vocabulary": _text(vocabulary),
            "train.epochs": epochs,
            "train.device": device,
        }
        wanted = merge(assignments_of(given), parse_assignments(changes))
        resolved = settings.resolve(seed, preset, wanted)
        heard: tuple[Heard, ...] = ()
        if feedback is not None:
            from giftrec.learn.gathering import read

            gathered = read(feedback, kept, training.named_world(resolved.data))
            typer.echo(str(gathered), err=True)
            heard = gathered.heard
        run = Run(training.train(resolved, out=out, tracker=tracker, heard=heard))
    show.trained(run)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


@app.command("test-best")
def best(
    run_path: RunPath = None,
    scenario_file: ScenarioFile = None,
    fresh: Annotated[int, typer.Option(help="How many fresh scenarios to judge on.")] = 2000,
    json_out: Annotated[
        Path | None, typer.Option("--json", metavar="OUT", help="Write all figures here as JSON.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the HTML report here (default: into the run).")
    ] = None,
) -> None:
    """Test a trained model: on its validation scenarios, on fresh ones, and beside baselines.

    Prints every metric with its 95% interval, and writes `test.json` and `test.html` into the run.
    A bundle stays as it is: its figures are written where --json and --report say.
    """
    from giftrec.report import write_test_report
    from giftrec.runs import Run
    from giftrec.testing import judged

    show = Show(as_json=False)
    run = opened(run_path)
    tested = judged(run, scenarios=scenario_file, fresh=fresh, say=show.say)
    page = report
    if isinstance(run, Run):
        page = page or run.path / "test.html"
        show.write_json(run.path / "test.json", tested.to_json())
    if page is not None:
        write_test_report(page, tested)
    if json_out is not None:
        show.write_json(json_out, tested.to_json())
    show.tested(tested, page)


def main() -> None:
    """The console script: errors are one line, exit code 2 for bad input and 1 for failures."""
    sys.exit(exit_codes(app, "giftrec"))

"""`giftrec`: scenarios, training, testing and recommending from the command line."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from giftrec import presets
from giftrec.catalog.gifts import parse_record, read_json
from giftrec.cli_bundle import export_run
from giftrec.cli_catalog import catalog
from giftrec.cli_registry import registry
from giftrec.cli_scenarios import scenarios
from giftrec.money import Money, RateTable
from giftrec.schema import Profile
from giftrec.show import Show
from reccore.cli import assignments_of, exit_codes
from reccore.config import merge, parse_assignments
from reccore.errors import UserError
from reccore.run import package_version
from reccore.track import Together, Tracker

if TYPE_CHECKING:  # runs bring torch
    from giftrec.bundle.bundle import GiftBundle
    from giftrec.runs import Run

app = typer.Typer(
    help="Gifts that fit: train the gift model, test it against a known truth, recommend.",
    epilog="Start with: giftrec train, then giftrec test-best",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(scenarios, name="scenarios")
app.command("export")(export_run)
app.add_typer(registry, name="registry")
app.add_typer(catalog, name="catalog")

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
        run = Run(training.train(resolved, out=out, tracker=tracker))
    show.trained(run)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


def _opened(path: Path | None) -> "Run | GiftBundle":
    """RUN, or what there is to answer with; that it is the shipped bundle is said."""
    from giftrec.checkpoints import is_bundle, open_any

    run = open_any(path)
    if path is None and is_bundle(run.path):
        typer.echo(f"no finished run here: the bundle {run.path} answers", err=True)
    return run


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
    run = _opened(run_path)
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


@app.command()
def recommend(
    run_path: RunPath = None,
    age: Annotated[int, typer.Option(help="The recipient's age.")] = ...,  # type: ignore[assignment]
    relationship: Annotated[str, typer.Option(help="Who they are to you, e.g. mother.")] = ...,  # type: ignore[assignment]
    occasion: Annotated[str, typer.Option(help="e.g. birthday")] = ...,  # type: ignore[assignment]
    budget: Annotated[str, typer.Option(help="With currency, e.g. 60EUR.")] = ...,  # type: ignore[assignment]
    hobby: Annotated[list[str], typer.Option(help="A hobby; give it again for more.")] = [],  # noqa: B006
    preference: Annotated[
        list[str], typer.Option(help="What they like, e.g. handmade; give it again for more.")
    ] = [],  # noqa: B006
    days: Annotated[int, typer.Option(help="Days until the gift must be there.")] = 14,
    day: Annotated[int, typer.Option(help="The day of the world's facts (a number).")] = 0,
    rates: Annotated[
        Path | None,
        typer.Option(help="Dated exchange rates: JSON of `on`, `base` and `rates` by currency."),
    ] = None,
    k: Annotated[int, typer.Option(help="How many gifts.")] = 5,
    gifts: Annotated[
        Path | None,
        typer.Option(help="Choose among these gifts instead: a JSON list like the shipped one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recommend gifts for one recipient, with reasons.

    A bundle answers without torch. Other gifts need no training.
    """
    from pydantic import ValidationError

    if k < 1:
        raise UserError(f"--k is {k}", "ask for at least 1 gift")
    try:
        profile = Profile(
            age=age,
            hobbies=tuple(hobby),
            preferences=tuple(preference),
            relationship=relationship,
            occasion=occasion,
            budget=Money.parse(budget, "--budget"),
            days_left=days,
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        value = f" {first['input']!r}" if field else ""
        raise UserError(
            f"{field or 'profile'}{value}", first["msg"].removeprefix("Value error, ")
        ) from None
    run = _opened(run_path)
    recommender = run.recommender if gifts is None else run.with_gifts(gifts)
    table = None if rates is None else parse_record(RateTable, read_json(rates), str(rates))
    Show(as_json).answer(recommender.recommend(profile, day, k, table))


def main() -> None:
    """The console script: errors are one line, exit code 2 for bad input and 1 for failures."""
    sys.exit(exit_codes(app, "giftrec"))

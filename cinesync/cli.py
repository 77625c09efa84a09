"""`cinesync`: train, evaluate, compare and recommend from the command line."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from cinesync import presets, training, zoo
from cinesync import settings as run_settings
from cinesync.bundles import BundleRun, open_any
from cinesync.cli_bundle import export_run, forget_user, score_everyone
from cinesync.cli_data import data
from cinesync.cli_index import index
from cinesync.cli_pipeline import pipeline
from cinesync.cli_recommend import recommend
from cinesync.cli_registry import registry
from cinesync.cli_serve import keys, precompute_lists, rollout, serve
from cinesync.runs import Run
from cinesync.show import Show
from reccore.cli import assignments_of, exit_codes
from reccore.config import Tree, merge, parse_assignments
from reccore.errors import UserError
from reccore.metrics.compare import compare as compare_evaluations
from reccore.metrics.evaluate import EvaluateSettings
from reccore.run import package_version
from reccore.track import Silent, Together, Tracker

app = typer.Typer(
    help="Movie and TV recommenders: train, compare honestly, recommend.",
    epilog="Start with: cinesync train two-tower",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data, name="data")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Changes = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. `train.lr=1e-3`."),
]

PROFILED_STEPS = 20


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cinesync {package_version()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def models(as_json: AsJson = False) -> None:
    """List the models and presets."""
    rows = [
        {
            "name": e.name,
            "summary": e.summary,
            "learns": "gradients" if e.trained else "closed form or sampled",
            "presets": [n for n in presets.names() if presets.read(n)["model_name"] == e.name],
        }
        for e in zoo.ZOO.values()
    ]
    Show(as_json).records("Models", rows)


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="A model of `cinesync models`.")],
    data_name: Annotated[
        str | None, typer.Option("--data", help="A source of `cinesync data list`.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="File or folder that holds the data.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--map", help="Your columns: `user=..,item=..,value=..,timestamp=..,order=..`"
        ),
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="File with the items' id, title and genres.")
    ] = None,
    split: Annotated[
        Literal["random", "per-user", "loo", "time", "strong", "given"] | None,
        typer.Option(help="How test rows are held out (default: per-user)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides every random draw.")] = 0,
    preset: Annotated[
        str | None, typer.Option(help="A shipped configuration of `cinesync models`.")
    ] = None,
    changes: Changes = [],  # noqa: B006
    epochs: Annotated[int | None, typer.Option(help="Train at most this long.")] = None,
    tag: Annotated[str | None, typer.Option(help="A word for the run's name.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with this interrupted run.", metavar="RUN")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the run here (default: under checkpoints/).")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, ... (default: auto)")
    ] = None,
    wandb: Annotated[
        bool, typer.Option("--wandb", help="Log to Weights & Biases, offline by default.")
    ] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Profile the first steps.")] = False,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Refuse operations that are not reproducible.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train MODEL, evaluate it on held-out rows, and keep it as a run.

    Without options it learns the generated default data in under a minute:
    `cinesync train two-tower`.
    """
    show = Show(as_json)
    given = {
        "data.name": data_name or ("file" if source is not None else None),
        "data.path": str(source.resolve()) if source is not None else None,
        "data.map": _columns(columns),
        "data.items": str(items.resolve()) if items is not None else None,
        "split.kind": split,
        "train.epochs": epochs,
        "train.device": device,
        "train.profile": PROFILED_STEPS if profile else None,
        "train.deterministic": deterministic or None,
    }
    wanted = merge(assignments_of(given), parse_assignments(changes))
    tracker = _tracker(show, wandb, model)
    if resume is not None:
        run, evaluation = training.resume(
            resume, changes=lambda known: _longer(known, model, wanted), tracker=tracker
        )
    else:
        settings = run_settings.resolve(model, seed=seed, tag=tag, preset=preset, changes=wanted)
        run, evaluation = training.train(settings, out=out, tracker=tracker)
    show.trained(run, evaluation)


def _columns(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    bad = next((name for name, equals, column in pairs if not equals or not column), None)
    if bad is not None:
        raise UserError(
            f"--map {text!r}: {bad!r} is not name=column", "e.g. user=userId,item=movieId"
        )
    return {name.strip(): column.strip() for name, _, column in pairs}


def _longer(known: run_settings.RunSettings, model: str, wanted: Tree) -> run_settings.RunSettings:
    """A resumed run may train longer; everything else stays as it was."""
    if known.entry.name != model:
        raise UserError(f"the run is a {known.entry.name}, not a {model}")
    tree = known.tree()
    allowed = {"epochs", "patience", "device"}
    for section, values in wanted.items():
        for key, value in values.items():
            if section != "train" or key not in allowed:
                raise UserError(
                    f"{section}.{key} cannot change on resume",
                    "only train.epochs, train.patience and the device can",
                )
            tree["train"][key] = value
    return run_settings.resolve_tree(tree, Path("the resumed run"))


def _tracker(show: Show, wandb: bool, model: str) -> Tracker:
    trackers: list[Tracker] = [show.live()] if zoo.entry(model).trained else []
    if wandb:
        from reccore.track.wandb import Wandb

        trackers.append(Wandb(project="cinesync"))
    return Together(trackers) if trackers else Silent()


@app.command()
def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Run folders or bundles.", metavar="RUN...")],
    split_part: Annotated[
        Literal["test", "validation"], typer.Option(help="Which held-out rows.")
    ] = "test",
    k: Annotated[str | None, typer.Option(help="Cut-offs, e.g. `10,20`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure runs or bundles on held-out rows: every metric with its 95% interval."""
    show = Show(as_json)
    opened = [open_any(path) for path in runs]
    results = [(run, show.evaluate(run, split_part, _cutoffs(run, k))) for run in opened]
    show.evaluations(results, split_part)


def _cutoffs(run: Run | BundleRun, k: str | None) -> EvaluateSettings:
    if k is None:
        return run.settings.evaluate
    try:
        cutoffs = tuple(int(part) for part in k.split(","))
    except ValueError:
        raise UserError(f"--k {k!r} is not a list of whole numbers", "e.g. --k 10,20") from None
    if min(cutoffs) < 1:
        raise UserError(f"--k {k}: a cut-off is at least 1", "e.g. --k 10,20")
    return run.settings.evaluate.model_copy(update={"k": cutoffs})


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN")],
    second: Annotated[Path, typer.Argument(metavar="RUN")],
    split_part: Annotated[
        Literal["test", "validation"], typer.Option(help="Which held-out rows.")
    ] = "test",
    as_json: AsJson = False,
) -> None:
    """Paired difference of two runs on the same users: is the first better?

    *Better* means that the 95% interval of the paired difference excludes 0.
    """
    show = Show(as_json)
    a, b = open_any(first), open_any(second)
    _same_ground(a, b)
    settings = a.settings.evaluate
    ours, theirs = (show.evaluate(run, split_part, settings) for run in (a, b))
    show.differences(a, b, compare_evaluations(ours, theirs, settings.bootstrap, settings.seed))


def _same_ground(a: Run | BundleRun, b: Run | BundleRun) -> None:
    if a.manifest["data_fingerprint"] != b.manifest["data_fingerprint"]:
        raise UserError("the two runs are of different data", "compare runs on the same data")
    one, other = (
        run.settings.split.model_dump(exclude={"validation", "validation_users"}) for run in (a, b)
    )
    if one != other:
        different = ", ".join(key for key in one if one[key] != other[key])
        raise UserError(f"the two runs are split differently ({different})", "use the same split")


app.command()(recommend)
app.command("export")(export_run)
app.command("forget")(forget_user)
app.command("score-all")(score_everyone)
app.add_typer(index, name="index")
app.command("pipeline")(pipeline)
app.add_typer(registry, name="registry")
app.command("serve")(serve)
app.command("precompute")(precompute_lists)
app.add_typer(rollout, name="rollout")
app.add_typer(keys, name="keys")


def main() -> None:
    """The console script: errors are one line, exit code 2 for bad input and 1 for failures."""
    sys.exit(exit_codes(app, "cinesync"))

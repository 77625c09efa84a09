"""`cinesync pipeline`: from data to a challenger, in one command that can be killed."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cinesync.pipeline import Pipeline
from cinesync.show import Show


def pipeline(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The pipeline's TOML.")],
    work: Annotated[
        Path | None,
        typer.Option(help="Keep state and runs here (default: beside FILE, `<name>.pipeline/`)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Prepare, train, evaluate, gate, export and register by one file.

    Finished steps are not repeated: call it again after a kill and it goes on. A model below the
    gate, or worse than the champion, is refused with exit code 1 and nothing is registered.
    """
    show = Show(as_json)
    steps = Pipeline.read(
        file, work, lambda line: show.progress.print(line, style="dim", highlight=False)
    )
    if steps.runs[0].entry.trained:
        steps.tracker = show.live()
    done = steps.run()
    facts = {
        "name": done.name,
        "version": done.version,
        "alias": steps.settings.registry.alias,
        "registry": str(steps.registry.root),
        "gate": {name: value for name, value in done.verdict.items() if name != "against"},
        "steps": [asdict(step) for step in done.steps],
    }
    if not as_json:
        facts["gate"] = _verdict(done.verdict)
        facts["steps"] = ", ".join(
            f"{step.name} {'kept' if step.kept else f'{step.seconds:.1f} s'}" for step in done.steps
        )
    show.record(f"{done.name} {done.version} is registered", facts)


def _verdict(verdict: dict[str, object]) -> str:
    values = verdict["values"]
    assert isinstance(values, dict)
    told = ", ".join(f"{value:.4f} (seed {seed})" for seed, value in values.items())
    line = f"{verdict['metric']} {told}"
    if verdict["champion"] is None:
        return f"{line}; no champion to compare with"
    line += f"; champion {verdict['champion']} {verdict['champion_value']:.4f}"
    if verdict["low"] is not None:
        line += f", difference {verdict['difference']:+.4f} ({verdict['low']:+.4f} .. "
        line += f"{verdict['high']:+.4f})"
    return line

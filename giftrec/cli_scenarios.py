"""`giftrec scenarios`: make, check and describe scenario files."""

import json
from pathlib import Path
from typing import Annotated

import typer

from giftrec.show import Show
from reccore.errors import UserError

scenarios = typer.Typer(help="Make, check and describe scenario files.", no_args_is_help=True)

DEFAULT_OUT = Path("scenarios/expanded_user_scenarios.json")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Gifts = Annotated[Path | None, typer.Option(help="Your own gifts (default: the shipped 45).")]
File = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="A scenario file (default: the shipped 100)."),
]


@scenarios.command()
def expand(
    count: Annotated[int, typer.Option(help="How many scenarios.")] = 100,
    seed: Annotated[int, typer.Option(help="Decides every draw.")] = 7,
    out: Annotated[Path, typer.Option(help="Where to write them.")] = DEFAULT_OUT,
    gifts: Gifts = None,
    as_json: AsJson = False,
) -> None:
    """Make scenarios that cover every valid pair of factor values, with what was right for each."""
    from giftrec.scenarios.describe import made
    from giftrec.scenarios.files import write_scenarios
    from giftrec.training import world_of

    world = world_of(gifts)
    show = Show(as_json)
    show.say(f"making {count} scenarios")
    some, metadata = made(world, count, seed)
    write_scenarios(out, some, metadata)
    show.facts(f"wrote {len(some)} scenarios to {out}", {"out": str(out), **metadata})


@scenarios.command()
def validate(file: File = None, gifts: Gifts = None, as_json: AsJson = False) -> None:
    """Check a scenario file; errors name file, scenario and field."""
    from giftrec.scenarios.files import load_scenarios
    from giftrec.training import world_of

    found = load_scenarios(file, world_of(gifts))
    Show(as_json).facts(
        f"{found.source} is sound: {len(found.scenarios)} scenarios",
        {"source": found.source, "scenarios": len(found.scenarios)},
    )


@scenarios.command()
def describe(
    file: File = None,
    gifts: Gifts = None,
    draws: Annotated[int, typer.Option(help="Augmented draws a scenario; 0: none.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Coverage and labels of a file, and how often augmentation would change the true label."""
    from giftrec.scenarios.describe import described
    from giftrec.scenarios.files import load_scenarios
    from giftrec.training import world_of

    if draws < 0:
        raise UserError(f"--draws is {draws}", "0 or more")
    world = world_of(gifts)
    found = load_scenarios(file, world)
    facts = described(world, found.scenarios, draws)
    Show(as_json).facts(found.source, json.loads(json.dumps(facts)))

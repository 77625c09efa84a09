"""From a run to a bundle. This side needs torch; what it writes does not."""

import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import torch

from giftrec.bundle import card
from giftrec.bundle.bundle import KIND, GiftBundle
from giftrec.bundle.golden import NAME, check_golden, golden_requests, write_golden
from giftrec.columns import Columns, Floats
from giftrec.inputs import asked
from giftrec.model.graphs import ENCODED, KNOWN, TOLD, graphs, traced
from giftrec.model.inputs import Catalogue, Recipients
from giftrec.predictions import Predictor
from giftrec.runs import Run
from giftrec.schema import Scenario
from giftrec.vocabulary import TOOLS
from reccore.bundle.manifest import Manifest
from reccore.bundle.write import PARITY, Exported, fresh, listed, made, write_graph, write_json
from reccore.config import Tree, dump_toml, to_tree
from reccore.data.seeds import rng
from reccore.errors import UserError
from reccore.files import staged, write_atomic

CHECKED = 64  # scenarios on which they are compared


def export(run: Run, out: Path) -> Exported:
    """Write `out`, whole or not at all; refuse one that answers unlike the model."""
    if run.manifest.get("status") != "complete":
        raise UserError(f"{run.path} is not finished", f"giftrec train --resume {run.path}")
    fresh(out)
    scenarios = (*run.ground.validation, *run.ground.training)[:CHECKED]
    with staged(out) as folder:
        _write_parts(folder, run)
        facts = _facts(run)
        write_atomic(folder / card.NAME, card.text(facts))
        bundle = GiftBundle(folder, _seal(folder, facts))
        write_golden(folder, bundle, golden_requests(scenarios, run.world.currency))
        manifest = _seal(folder, facts)
        bundle = GiftBundle.open(folder)
        parity = difference(run, bundle, scenarios)
        if not parity <= PARITY:
            raise UserError(
                f"the bundle's figures differ from the model's by {parity:.2g}",
                f"at most {PARITY:g} is allowed: please report this",
            )
        check_golden(bundle)
    return Exported(out, parity, manifest)


def _write_parts(folder: Path, run: Run) -> None:
    """The gifts, the words and the graphs."""
    world, model = run.world, run.model
    write_json(folder / "gifts.json", [json.loads(gift.model_dump_json()) for gift in world.gifts])
    write_atomic(folder / "vocabulary.toml", dump_toml(to_tree(world.vocabulary)))
    someone = (*run.ground.validation, *run.ground.training)[:1]
    who = Recipients.of(Columns.of([s.profile for s in someone], world.vocabulary))
    example = {
        **{f"who_{name}": tensor for name, tensor in vars(who).items()},
        **{
            f"gift_{name}": tensor
            for name, tensor in vars(Catalogue.of(world, model.settings.text_buckets)).items()
        },
        ENCODED: torch.zeros(1, 2 * model.settings.width),
        TOLD: torch.zeros(len(TOOLS), 1, 1),
        KNOWN: torch.zeros(1, len(TOOLS)),
    }
    for name, part in graphs(model).items():
        write_graph(folder / "graphs" / f"{name}.onnx", traced(name, part, example))


def _facts(run: Run) -> dict[str, Any]:
    known, world = run.manifest, run.world
    evaluation = dict(known["evaluation"])
    copied = ("model", "seed", "data", "data_fingerprint", "gifts", "parameters")
    return {
        "product": "giftrec",
        **{name: known[name] for name in copied},
        "data": Path(known["data"]).name,
        "config": _config(run),
        "evaluation": {"part": evaluation.pop("part"), "metrics": evaluation},
        **made(known, Path(__file__).parent),
        "world": {
            "seed": world.seed,
            "as_of": world.as_of.isoformat(),
            "currency": world.currency,
        },
        "scorer": {
            "kind": KIND,
            "options": {
                name: getattr(run.settings.model, name) for name in ("ask_above", "text_buckets")
            },
            "graphs": {
                name: {"inputs": list(graph.inputs), "output": name}
                for name, graph in graphs(run.model).items()
            },
        },
        "golden": NAME,
        "generation": 1,
        "users": None,
        "quantised": None,
        "blessed": True,
    }


def _config(run: Run) -> Tree:
    """The run's settings, files by name only: a bundle says nothing of where it was made."""
    tree = run.settings.tree()
    files = ("scenarios", "gifts", "vocabulary")
    named = {name: Path(str(tree["data"][name])).name for name in files if name in tree["data"]}
    return {**tree, "data": {**tree["data"], **named}}


def _seal(folder: Path, facts: dict[str, Any]) -> Manifest:
    """List and hash what was written."""
    manifest = Manifest({**facts, "files": listed(folder)})
    manifest.write(folder)
    return manifest


def difference(run: Run, bundle: GiftBundle, scenarios: tuple[Scenario, ...]) -> float:
    """Largest difference of any figure, under random sets of tools; as a share of the largest
    figure of its kind where that is above 1. Infinite where one is certain and the other not."""
    world = bundle.world
    who = Columns.of([s.profile for s in scenarios], world.vocabulary)
    tools = rng(0, "parity").random((len(scenarios), len(TOOLS))) < 0.5
    facts = asked(world, [s.day for s in scenarios], tools)

    def figures(predictor: Predictor) -> list[Floats]:
        rewards = predictor.rewards(who, facts)
        return [*astuple(predictor.wishes(who)), *astuple(rewards), rewards.expected]

    ours, theirs = figures(bundle.recommender.predictor), figures(run.recommender.predictor)
    return max(apart(one, other) for one, other in zip(ours, theirs, strict=True))


def apart(one: Floats, other: Floats) -> float:
    certain = ~np.isfinite(other)
    if not np.array_equal(one[certain], other[certain]) or not np.isfinite(one[~certain]).all():
        return float("inf")
    size = max(1.0, float(np.abs(other[~certain]).max(initial=0.0)))
    return float(np.abs(one[~certain] - other[~certain]).max(initial=0.0)) / size

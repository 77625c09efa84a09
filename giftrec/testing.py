"""`giftrec test-best`: what a trained model is worth, beside what it must beat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from giftrec.answers import Answers, Floats
from giftrec.baselines import baselines
from giftrec.bundle.bundle import GiftBundle
from giftrec.catalog.world import World
from giftrec.judge import Judge, Verdict
from giftrec.oracle import Oracle
from giftrec.runs import Run
from giftrec.scenarios.expand import expand, label_all
from giftrec.scenarios.files import load_scenarios
from giftrec.schema import Scenario
from giftrec.vocabulary import TOOLS
from reccore.errors import UserError
from reccore.metrics.intervals import Metric

FRESH_SEED = 990001  # no scenario file that is made with a usual seed shares it
WORST = 10
Say = Callable[[str], None]


@dataclass(frozen=True)
class Tested:
    """The outcome of a test: JSON for programs, tables for people."""

    run: str
    facts: Mapping[str, Any]
    train: Mapping[str, Metric]
    validation: Mapping[str, Metric]
    fresh: Mapping[str, Metric]
    baselines: Mapping[str, Mapping[str, Mapping[str, Metric]]]  # name -> part -> metrics
    reliability: Sequence[Mapping[str, float]]  # bins of predicted reward, fresh scenarios
    worst: Sequence[Mapping[str, Any]]
    fairness: Mapping[str, Sequence[Mapping[str, Any]]]  # by relationship, by age group

    def to_json(self) -> dict[str, Any]:
        def plain(metrics: Mapping[str, Metric]) -> dict[str, Any]:
            return {name: asdict(metric) for name, metric in metrics.items()}

        return {
            "run": self.run,
            **self.facts,
            "validation": plain(self.validation),
            "fresh": plain(self.fresh),
            "baselines": {
                name: {part: plain(metrics) for part, metrics in parts.items()}
                for name, parts in self.baselines.items()
            },
            "train": plain(self.train),
            "reliability": list(self.reliability),
            "worst": list(self.worst),
            "fairness": {name: list(rows) for name, rows in self.fairness.items()},
        }


def judged(
    run: Run | GiftBundle,
    *,
    scenarios: Path | None = None,
    fresh: int = 2000,
    say: Say = lambda _: None,
) -> Tested:
    """On the run's validation scenarios (or a file's), and on fresh ones of another seed."""
    if fresh < 2:
        raise UserError(f"--fresh is {fresh}", "ask for at least 2 scenarios")
    held = run.ground.validation
    if scenarios is not None:
        held = load_scenarios(scenarios, run.world).scenarios
    say(f"making {fresh} fresh scenarios")
    new, values = _fresh(run.world, fresh)
    parts = {"train": run.ground.training, "validation": held, "fresh": new}
    judges = {name: Judge(run.world, some) for name, some in parts.items()}
    judges["fresh"] = Judge(run.world, new, values)
    say("answering")
    answers = {name: run.recommender.answer(some) for name, some in parts.items()}
    verdicts = {name: judges[name].verdict(answers[name]) for name in parts}
    metrics = {name: verdict.metrics() for name, verdict in verdicts.items()}
    for name in ("validation", "fresh"):
        metrics[name]["generalisation_gap"] = _gap(
            metrics["train"]["quality"], metrics[name]["quality"]
        )
    rivals: dict[str, dict[str, dict[str, Metric]]] = {}
    for name, rival in baselines(run.world, run.ground.training).items():
        say(f"baseline {name}")
        rivals[name] = {
            part: judges[part].verdict(rival.answer(parts[part])).metrics()
            for part in ("validation", "fresh")
        }
    return Tested(
        run=str(run.path),
        facts={
            "preset": run.settings.preset,
            "seed": run.settings.seed,
            "data_fingerprint": run.manifest["data_fingerprint"],
            "git_commit": run.manifest["git_commit"],
            "scenarios": {name: len(some) for name, some in parts.items()},
            "fresh_seed": FRESH_SEED,
        },
        train=metrics["train"],
        validation=metrics["validation"],
        fresh=metrics["fresh"],
        baselines=rivals,
        reliability=reliability(verdicts["fresh"]),
        worst=worst(judges["fresh"], answers["fresh"], verdicts["fresh"]),
        fairness=fairness(judges["fresh"], answers["fresh"], verdicts["fresh"]),
    )


def _fresh(world: World, count: int) -> tuple[tuple[Scenario, ...], Floats]:
    """Scenarios of another seed with their labels, and the values of tools [N, 32]."""
    bare = expand(world, count, FRESH_SEED, label=False)
    oracle = Oracle(world)
    values = oracle.net_tool_values(oracle.recipients([s.profile for s in bare]))
    return label_all(world, bare, values), values


def _gap(a: Metric, b: Metric) -> Metric:
    """Quality in training less quality on held-out scenarios."""
    assert a.low is not None
    assert a.high is not None
    assert b.low is not None
    assert b.high is not None
    value = a.value - b.value
    down = np.hypot(a.value - a.low, b.high - b.value)
    up = np.hypot(a.high - a.value, b.value - b.low)
    return Metric(value, value - float(down), value + float(up))


def reliability(verdict: Verdict) -> list[dict[str, float]]:
    """Bins of the predicted reward: how many pairs, predicted and received mean."""
    bins = verdict.calibration.sum(axis=0)
    return [
        {"pairs": float(n), "predicted": float(p / n), "received": float(r / n)}
        for n, p, r in bins
        if n > 0
    ]


def worst(judge: Judge, answers: Answers, verdict: Verdict) -> list[dict[str, Any]]:
    """The cases that lost most against the best slate."""
    lost = verdict.figures["best"] - verdict.figures["worth"]
    cases = []
    for n in np.argsort(-lost, kind="stable")[:WORST]:
        scenario = judge.scenarios[int(n)]
        gifts = [judge.world.gifts[g] for g in answers.slates[n] if g >= 0]
        asked = [tool for t, tool in enumerate(TOOLS) if answers.tools[n, t]]
        cases.append(
            {
                "scenario": scenario.id,
                "recipient": describe(scenario),
                "lost": float(lost[n]),
                "worth": float(verdict.figures["worth"][n]),
                "best": float(verdict.figures["best"][n]),
                "answered": [gift.title for gift in gifts],
                "expected_categories": list(scenario.expected_categories),
                "tools": asked,
                "expected_tools": list(scenario.expected_tools),
            }
        )
    return cases


def describe(scenario: Scenario) -> str:
    """A recipient in a line."""
    p = scenario.profile
    return (
        f"{p.relationship}, {p.age}, {p.occasion}, {p.budget}, {p.days_left} days left; "
        f"{', '.join(p.hobbies)}; {', '.join(p.preferences)}"
    )


def fairness(judge: Judge, answers: Answers, verdict: Verdict) -> dict[str, list[dict[str, Any]]]:
    """What is recommended to whom: stereotypes show as one category for a whole group."""
    words = judge.world.vocabulary
    groups = {
        "relationship": [s.profile.relationship for s in judge.scenarios],
        "age_group": [words.age_group(s.profile.age) for s in judge.scenarios],
    }
    names = list(words.gift_categories)
    return {
        factor: [
            _group(names, level, np.array([m == level for m in members]), judge, answers, verdict)
            for level in words.levels(factor)
            if level in members
        ]
        for factor, members in groups.items()
    }


def _group(
    names: Sequence[str],
    level: str,
    mine: Any,
    judge: Judge,
    answers: Answers,
    verdict: Verdict,
) -> dict[str, Any]:
    slates = answers.slates[mine]
    shown = judge.world.categories[slates[slates >= 0]]
    shares: Floats = np.bincount(shown, minlength=len(names)) / max(1, len(shown))
    order = np.argsort(-shares, kind="stable")[:3]
    worth, best = (float(verdict.figures[name][mine].mean()) for name in ("worth", "best"))
    listed = judge.world.listing.price[slates[slates >= 0]]
    return {
        "group": level,
        "scenarios": int(mine.sum()),
        "categories": {names[c]: round(float(shares[c]), 3) for c in order},
        "distinct_categories": int((shares > 0).sum()),
        "mean_price": round(float(listed.mean()) / 100, 2) if len(listed) else 0.0,
        "worth": round(worth, 4),
        "of_best": round(worth / best, 4) if best > 0 else 0.0,
    }

"""What the tools are worth, and whether the model asks the right ones.

    python -m benchmarks.gift_value [--only told|found|toys]

told   on fresh scenarios of the simulator, facts as they are: the model alone, with all tools, with
       those it chooses, with each of the 32 fixed sets, and with sets drawn by chance that make as
       many calls as it does
found  the same through the agent and its real tools, over rows as shops would show them on the day
       (`benchmarks.gift_day`): offers, stock, reviews and weekly demand
toys   real toys, with errors planted between what the catalogue lists and what holds: prices,
       stock, reviews; what each tool adds, and what the last gate adds

A slate is judged by the simulator on freshly drawn tastes; the model was trained on the 100 shipped
scenarios. Intervals: scenarios resampled.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.gift_day import Days
from benchmarks.gift_planted import Planted, ToyJudge
from benchmarks.record import append, data_root, done, rows
from giftrec.agent.agent import Agent
from giftrec.agent.settings import AgentSettings
from giftrec.agent.storefront import Storefront
from giftrec.agent.wish import Wish
from giftrec.bundle.bundle import GiftBundle
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.sources.generated import tables_of
from giftrec.catalog.world import World
from giftrec.catalog.writing import write_snapshot
from giftrec.checkpoints import CHECKPOINTS, RELEASED
from giftrec.columns import Columns
from giftrec.inputs import asked
from giftrec.judge import Judge
from giftrec.oracle import SUBSETS
from giftrec.recommend import BLOCK, GiftRecommender, tool_sets
from giftrec.scenarios.expand import expand
from giftrec.schema import Scenario
from giftrec.slate import SLATE, allowed, choose
from giftrec.text.encoder import Choice
from giftrec.tools.envelope import Envelope, Run
from giftrec.tools.provider import SnapshotProvider
from giftrec.tools.registry import default_tools
from giftrec.tools.results import Request
from giftrec.tools.runner import Runner
from giftrec.vocabulary import TOOLS
from reccore.data.seeds import rng
from reccore.metrics.intervals import interval, resampled_sums

NAME = "gift_value"
FRESH, FOUND, TOYS = 2000, 1000, 500
SEED = 4711  # of the fresh scenarios: of no training, and of no test
DRAWS = 20  # of sets by chance
Sets = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def told() -> None:
    if done(NAME, "told"):
        return
    bundle = GiftBundle.open(CHECKPOINTS / RELEASED)
    model, world = bundle.recommender, bundle.world
    fresh = expand(world, FRESH, SEED, label=False)
    judge = Judge(world, fresh)
    chosen = wanted(model, fresh)
    none, every = np.zeros_like(chosen), np.ones_like(chosen)
    worth = {"none": worth_of(model, judge, none), "all": worth_of(model, judge, every)}
    worth["chosen"] = worth_of(model, judge, chosen)
    shuffled = [chosen[rng(SEED, "shuffle", n).permutation(len(chosen))] for n in range(DRAWS)]
    worth["the same sets, dealt by chance"] = np.mean(
        [worth_of(model, judge, sets) for sets in shuffled], axis=0
    )
    drawn = [by_chance(chosen.sum(axis=1), n) for n in range(DRAWS)]
    worth["as many calls, drawn by chance"] = np.mean(
        [worth_of(model, judge, sets) for sets in drawn], axis=0
    )
    for subset in SUBSETS:
        sets = np.zeros_like(chosen)
        sets[:, [TOOLS.index(tool) for tool in subset]] = True
        worth[named(subset)] = worth_of(model, judge, sets)
    calls = {
        name: len(subset) / len(TOOLS)
        for name, subset in zip(map(named, SUBSETS), SUBSETS, strict=True)
    }
    share = float(chosen.mean())
    calls |= {"none": 0.0, "all": 1.0, "chosen": share}
    calls |= {name: share for name in worth if name not in calls}
    keep("told", worth, judge, calls)


def wanted(model: GiftRecommender, scenarios: Sequence[Scenario]) -> Sets:
    """[N, 5] the tools that the model would ask."""
    parts = []
    for start in range(0, len(scenarios), BLOCK):
        who = Columns.of(
            [s.profile for s in scenarios[start : start + BLOCK]], model.world.vocabulary
        )
        parts.append(tool_sets(model.predictor.wishes(who).tools, model.predictor.ask_above))
    return np.concatenate(parts)


def by_chance(counts: npt.NDArray[np.int64], draw: int) -> Sets:
    """[N, 5] as many tools a scenario as `counts` says, any of them."""
    order = (
        rng(SEED, "chance", draw).random((len(counts), len(TOOLS))).argsort(axis=1).argsort(axis=1)
    )
    drawn: Sets = order < counts[:, None]
    return drawn


def worth_of(model: GiftRecommender, judge: Judge, sets: Sets) -> Floats:
    """[N] what the model's slates are really worth with these tools asked."""
    world, slates = model.world, []
    for start in range(0, len(sets), BLOCK):
        some = judge.scenarios[start : start + BLOCK]
        who = Columns.of([s.profile for s in some], world.vocabulary)
        facts = asked(world, [s.day for s in some], sets[start : start + BLOCK])
        rewards = model.predictor.rewards(who, facts)
        may = allowed(who, world.listing.price, facts, rewards)
        slates.append(choose(rewards, may, world.categories))
    worth: Floats = judge.oracle.worth(np.concatenate(slates), judge.satisfaction).mean(axis=1)
    return worth


class Direct:
    """The tools without threads and time limits: here only what they find counts."""

    def __init__(self, provider: SnapshotProvider) -> None:
        self.provider = provider
        self.tools = {tool.name: tool for tool in default_tools()}

    def run(self, requests: Mapping[str, Request]) -> Run:
        return Run(
            envelopes={name: self._ask(name, asked) for name, asked in requests.items()},
            trace=(),
            ms=0,
        )

    def _ask(self, name: str, asked: Request) -> Envelope:
        data = self.tools[name].answer(asked, self.provider)
        return Envelope(
            tool=name, status="ok", data=data, source=self.provider.name, as_of=data.as_of, ms=0
        )


def slate_of(
    agent: Agent, runner: Direct, wish: Wish, tools: Sequence[str] | None, *, gated: bool
) -> tuple[list[int], list[str]]:
    """The agent's slate as gift numbers, with these tools (None: its choice) and what it asked.

    Not `gated`: what it would have shown had nobody looked again.
    """
    asking = agent.begin(wish)
    if tools is not None:
        asking.tools = tuple(tools) if len(asking.gifts) else ()
    requests = agent.requests(asking)
    if requests:
        agent.told(asking, runner.run(requests))
    agent.weigh(asking)
    if not gated:
        best = asking.order[: wish.count]
        return [int(asking.gifts[place]) for place in best], list(asking.tools)
    while ahead := agent.to_check(asking):
        agent.checked(asking, ahead, runner.run(agent.to_ask(asking, ahead)))
    index = agent.front.snapshot.index
    return [index[pick.gift] for pick in agent.answer(asking).picks], list(asking.tools)


def variants() -> dict[str, tuple[Sequence[str] | None, bool]]:
    """name -> (tools or None for the model's choice, whether the last gate looks)."""
    every = list(TOOLS)
    found: dict[str, tuple[Sequence[str] | None, bool]] = {
        "none": ((), False),
        "all": (every, False),
        "chosen": (None, False),
        "none, then the gate": ((), True),
        "all, then the gate": (every, True),
        "chosen, then the gate": (None, True),
    }
    found |= {tool: ((tool,), False) for tool in TOOLS}
    found |= {f"all but {tool}": ([t for t in every if t != tool], False) for tool in TOOLS}
    return found


def found() -> None:
    """Through the agent, a provider a scenario's day."""
    if done(NAME, "found"):
        return
    bundle = GiftBundle.open(CHECKPOINTS / RELEASED)
    world = bundle.world
    with tempfile.TemporaryDirectory() as folder:
        agent = agent_of(bundle, generated_snapshot(world, Path(folder)))
        days = Days(world, agent.front.rating, agent.front.growth)
        fresh = expand(world, FOUND, SEED, label=False)
        judge = Judge(world, fresh)
        slates = {name: np.full((FOUND, SLATE), -1) for name in variants()}
        calls = dict.fromkeys(slates, 0.0)
        for n, scenario in enumerate(fresh):
            runner = Direct(days.provider(scenario.day))
            wish = Wish(profile=scenario.profile, on=world.as_of)
            for name, (tools, gated) in variants().items():
                slate, said = slate_of(agent, runner, wish, tools, gated=gated)
                slates[name][n, : len(slate)] = slate
                calls[name] += len(said) / len(TOOLS) / FOUND
        worth = {
            name: judge.oracle.worth(some, judge.satisfaction).mean(axis=1)
            for name, some in slates.items()
        }
        keep("found", worth, judge, calls)


def toys() -> None:
    """Real toys; what holds differs from what is listed by errors planted here."""
    if done(NAME, "toys"):
        return
    bundle = GiftBundle.open(CHECKPOINTS / RELEASED)
    with tempfile.TemporaryDirectory() as folder:
        planted = Planted.of(data_root() / "toys" / "toys863.csv", Path(folder), SEED)
        agent = agent_of(bundle, planted.listed)
        runner = Direct(SnapshotProvider(planted.live, "the shops today").prepare())
        fresh = planted.scenarios(bundle.vocabulary, TOYS)
        judge = ToyJudge(planted, agent.front, fresh)
        slates = {name: np.full((TOYS, SLATE), -1) for name in variants()}
        calls = dict.fromkeys(slates, 0.0)
        for n, scenario in enumerate(fresh):
            wish = Wish(profile=scenario.profile, on=planted.today)
            for name, (tools, gated) in variants().items():
                slate, said = slate_of(agent, runner, wish, tools, gated=gated)
                slates[name][n, : len(slate)] = slate
                calls[name] += len(said) / len(TOOLS) / TOYS
        worth = {name: judge.worth_of(some) for name, some in slates.items()}
        refused = {name: judge.wrong(some) for name, some in slates.items()}
        keep("toys", worth, judge, calls, wrong=refused, planted=planted.counts)


def generated_snapshot(world: World, folder: Path) -> Snapshot:
    tables, facts = tables_of(world)
    path = folder / "gifts.duckdb"
    write_snapshot(path, tables, facts)
    return Snapshot.open(path)


def agent_of(bundle: GiftBundle, snapshot: Snapshot) -> Agent:
    front = Storefront.of(snapshot, bundle, Choice(None))
    runner = Runner(SnapshotProvider(snapshot).prepare())
    settings = AgentSettings(every_day=True, names=False, explain=False)
    return Agent(front, runner, settings)


def named(subset: Sequence[str]) -> str:
    return " + ".join(subset) or "none"


def keep(
    key: str,
    worth: Mapping[str, Floats],
    judge: Judge | ToyJudge,
    calls: Mapping[str, float],
    **more: Any,
) -> None:
    """Reward shares with intervals, what is kept of the gain, and the differences that count."""
    names = list(worth)
    columns = np.column_stack([judge.best, judge.random, *worth.values()])
    whole, drawn = (
        shares(columns.sum(axis=0, keepdims=True)),
        shares(resampled_sums(columns, 2000, 0)),
    )
    at = {name: n for n, name in enumerate(names)}
    figures = {
        name: {
            "share": round(float(whole[0, n]), 4),
            "interval": bounds(drawn[:, n]),
            "calls": round(calls[name], 4),
        }
        for name, n in at.items()
    }
    gain = drawn[:, at["all"]] - drawn[:, at["none"]]
    kept = (drawn[:, at["chosen"]] - drawn[:, at["none"]]) / gain
    single = (whole[0, at["chosen"]] - whole[0, at["none"]]) / (
        whole[0, at["all"]] - whole[0, at["none"]]
    )
    cheap = [
        n
        for n in names
        if n in calls and calls[n] <= calls["chosen"] + 1e-9 and n not in ("none", "all", "chosen")
    ]
    rivals = {}
    for name in cheap:
        less = drawn[:, at["chosen"]] - drawn[:, at[name]]
        rivals[name] = [
            round(float(whole[0, at["chosen"]] - whole[0, at[name]]), 4),
            *bounds(less),
        ]
    append(
        NAME,
        key,
        scenarios=len(judge.scenarios),
        seed=SEED,
        shares=figures,
        kept_of_gain=[round(float(single), 4), *bounds(kept)],
        chosen_less=rivals,
        **more,
    )


def bounds(drawn: Floats) -> list[float]:
    return [round(v, 4) for v in interval(drawn) if v is not None]


def shares(sums: Floats) -> Floats:
    """[R, names] reward shares from sums of (best, random, worths...)."""
    best, random = sums[:, 0:1], sums[:, 1:2]
    return (sums[:, 2:] - random) / (best - random)


WORDS = {
    "told": "The simulator's facts as they are, 2,000 fresh scenarios",
    "found": "Through the agent and its tools, over rows as shops would show them, 1,000 scenarios",
    "toys": "Real toys with planted errors, 500 scenarios",
}


def markdown() -> str:
    """Reward shares: 0 is a random slate, 1 the best one with all facts known."""
    parts = []
    for row in rows(NAME):
        kept, low, high = row["kept_of_gain"]
        wrong = row.get("wrong")
        lines = [
            f"### {WORDS[row['key']]}\n",
            "| tools asked | reward share | calls |" + (" over budget or out |" if wrong else ""),
            "|---|---|---|" + ("---|" if wrong else ""),
        ]
        for name, found in shown(row["shares"]).items():
            low_share, high_share = found["interval"]
            cells = [
                name,
                f"{found['share']:.4f} ({low_share:.4f} .. {high_share:.4f})",
                f"{found['calls']:.2f}",
            ]
            if wrong:
                cells.append(f"{wrong[name]:.1%}")
            lines.append("| " + " | ".join(cells) + " |")
        gain = row["shares"]["all"]["share"] - row["shares"]["none"]["share"]
        lines.append(
            f"\nAll tools add {gain:.3f}; those chosen keep {kept:.3f} ({low:.3f} .. {high:.3f}) "
            f"of it at {row['shares']['chosen']['calls']:.0%} of the calls. Commit {row['commit']}."
        )
        if row.get("planted"):
            lines.append(
                "Planted: " + ", ".join(f"{n} {what}" for what, n in row["planted"].items()) + "."
            )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def shown(shares: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of the 32 fixed sets only the best of each size."""
    sets = {name: found for name, found in shares.items() if set(name.split(" + ")) <= set(TOOLS)}
    by_size: dict[int, list[str]] = {}
    for name in sets:
        by_size.setdefault(len(name.split(" + ")), []).append(name)
    best = {
        max(names, key=lambda name: float(sets[name]["share"]))
        for size, names in by_size.items()
        if size > 1
    }
    return {
        name: found
        for name, found in shares.items()
        if name not in sets or name in best or " + " not in name
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=["told", "found", "toys"])
    options = parser.parse_args()
    for name, part in {"told": told, "found": found, "toys": toys}.items():
        if options.only in (None, name):
            part()


if __name__ == "__main__":
    main()

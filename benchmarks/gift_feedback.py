"""Does `giftrec train --feedback` raise the realised reward? Shoppers of the simulator say.

    python -m benchmarks.gift_feedback                 # go on where the last call stopped
    python -m benchmarks.gift_feedback --development   # other shoppers and scenarios; nothing kept

A model trained on the shipped scenarios recommends slates to simulated shoppers, who know the
recipient's hidden taste with an error, look at the slate from the top, buy, press thumbs, swap,
and own things already, each in their own way. What they did goes through both stores and is learned
as `giftrec train --feedback` learns it. Both models are judged on fresh scenarios.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.gifts import scenarios_file
from benchmarks.record import append, done, rows
from giftrec.agent.wish import Wish
from giftrec.answers import Floats
from giftrec.catalog.world import World
from giftrec.judge import Judge
from giftrec.kept import Kept, new_id, open_kept
from giftrec.learn.gathering import read
from giftrec.learn.heard import Heard
from giftrec.oracle import Oracle
from giftrec.recommend import BLOCK, GiftRecommender
from giftrec.runs import Run
from giftrec.scenarios.expand import expand
from giftrec.settings import resolve
from giftrec.slate import choose
from giftrec.testing import FRESH_SEED
from giftrec.training import train, world_of
from giftrec.vocabulary import TOOLS
from reccore.config import Tree
from reccore.data.seeds import derive, rng
from reccore.metrics.intervals import interval, resampled_sums
from reccore.serve.feedback import Event, open_store

NAME = "gift_feedback"
COUNTS = (300, 1000, 3000)  # recommendations that people reacted to
FEW = 25  # scenarios of a shop that has few
MORE_STEPS = 48  # epochs without feedback that have as many steps as 10 with 3,000
FRESH = 2000
DEVELOPMENT = 880_001  # of the fresh scenarios that the learning was developed on
START = 1_750_000_000

LOOKED = (1.0, 0.95, 0.9, 0.85, 0.8)  # the chance that a place of the slate is looked at
MISJUDGED = 0.2  # standard deviation of a shopper's error about the recipient's pleasure
OWNED, SLIPPED, RETURNED = 0.05, 0.01, 0.3  # has it; presses anything; dislikes what failed


@dataclass(frozen=True)
class Shopper:
    """One person's ways; nothing here is known to the learning."""

    enough: float  # pleasure that is worth money
    buys: float  # chance that a good gift is bought here and not elsewhere
    praises: float
    blames: float
    swaps: float

    @classmethod
    def drawn(cls, draw: np.random.Generator) -> "Shopper":
        return cls(
            enough=float(draw.uniform(0.3, 0.9)),
            buys=float(draw.uniform(0.3, 0.9)),
            praises=float(draw.beta(1, 2)),
            blames=float(draw.beta(1, 3)),
            swaps=float(draw.beta(1, 3)),
        )

    def acts(self, felt: Floats, draw: np.random.Generator) -> Iterator[tuple[int, str]]:
        """Places of the slate with what is done there; `felt` [K] the recipient's pleasure."""
        looked = draw.random(len(felt)) < LOOKED[: len(felt)]
        seems = felt + MISJUDGED * draw.standard_normal(len(felt))
        owned = looked & (draw.random(len(felt)) < OWNED)
        for place in np.flatnonzero(looked):
            if owned[place]:
                yield int(place), "owns"
            elif seems[place] > 0.65 and draw.random() < self.praises:
                yield int(place), "up"
            elif seems[place] < 0.2 and draw.random() < self.blames:
                yield int(place), "down"
            elif seems[place] < 0.45 and draw.random() < self.swaps:
                yield int(place), "swap"
            if draw.random() < SLIPPED:
                yield int(place), str(draw.choice(["up", "down", "swap", "owns"]))
        open_ = np.where(looked & ~owned, seems, -np.inf)
        best = int(open_.argmax())
        if open_[best] > self.enough and draw.random() < self.buys:
            yield best, "bought"
            if felt[best] < 0.15 and draw.random() < RETURNED:
                yield best, "down"


def people_of(count: int, draw: np.random.Generator) -> npt.NDArray[np.int64]:
    """Who asked each time: most once or twice, one for every tenth recommendation."""
    often = draw.random(count) < 0.1
    return np.where(often, 0, 1 + draw.integers(0, max(1, count // 2), count))


async def _live(
    world: World, recommender: GiftRecommender, count: int, seed: int, folder: Path
) -> dict[str, int]:
    """Recommendations, reactions, and the stores that hold them; how many of each kind."""
    scenarios = expand(world, count, seed, label=False)
    oracle, draw = Oracle(world), rng(seed, "shoppers")
    who = oracle.recipients([s.profile for s in scenarios])
    tastes = oracle.tastes([derive(s.day, "shopper") for s in scenarios], 1)
    today = oracle.facts([s.day for s in scenarios])
    felt = oracle.satisfaction(who, today, tastes)[:, 0]
    could = oracle.feasible(who, today)
    people = people_of(count, draw)
    ways = {int(person): Shopper.drawn(draw) for person in np.unique(people)}
    kept, store = open_kept(folder / "kept.sqlite"), open_store(folder / "events.sqlite", folder)
    counts: dict[str, int] = {}
    for n, scenario in enumerate(scenarios):
        at = n % BLOCK
        if at == 0:
            block = scenarios[n : n + BLOCK]
            said = recommender.say([s.profile for s in block], [s.day for s in block])
            passed = said.allowed & could[n : n + BLOCK]  # the agent's gate: no others are shown
            slates = choose(said.rewards, passed, world.categories)
        places = slates[at][slates[at] >= 0]
        told = {
            tool: tuple(said.facts.told[t, at, places].tolist())
            for t, tool in enumerate(TOOLS)
            if said.tools[at, t]
        }
        user, gifts = f"person-{people[n]}", tuple(world.gifts[g].id for g in places)
        wish = Wish(profile=scenario.profile, on=date(2025, 6, 15))
        one = Kept(new_id(), user, wish, gifts, (), START + 60 * n, told)
        await kept.save(one)
        acts = list(ways[int(people[n])].acts(felt[n][places], draw)) if len(places) else []
        await store.add(
            [
                Event(f"{n}-{e}", user, gifts[place], kind, None, one.at + e, one.id)
                for e, (place, kind) in enumerate(acts)
            ]
        )
        for _, kind in acts:
            counts[kind] = counts.get(kind, 0) + 1
    await store.close()
    await kept.close()
    return counts


def heard_of(
    world: World, recommender: GiftRecommender, count: int, seed: int
) -> tuple[tuple[Heard, ...], dict[str, int], str]:
    """What is heard when `count` recommendations were made; the kinds; the summary in words."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        counts = asyncio.run(_live(world, recommender, count, seed, folder))
        gathered = read(str(folder / "events.sqlite"), str(folder / "kept.sqlite"), world)
        return gathered.heard, counts, str(gathered)


@lru_cache(maxsize=2)
def judge_of(seed: int, count: int) -> Judge:
    """Fresh scenarios; what they expect of categories and tools is not needed here."""
    world = world_of(None)
    return Judge(world, expand(world, count, seed, label=False))


@dataclass(frozen=True)
class Trained:
    run: Run
    worth: Floats  # [N] of its slates of the fresh scenarios
    seconds: float


def trained(
    judge: Judge,
    seed: int,
    heard: tuple[Heard, ...] = (),
    epochs: int | None = None,
    scenarios: int | None = None,
) -> Trained:
    """`scenarios`: how many generated ones it is trained on, instead of the 100 that ship."""
    changes: Tree = {} if epochs is None else {"train": {"epochs": epochs}}
    if scenarios is not None:
        changes["data"] = {"scenarios": scenarios_file(scenarios)}
    with tempfile.TemporaryDirectory() as scratch:
        began = time.process_time()
        run = Run(train(resolve(seed, "compact", changes), out=Path(scratch) / "run", heard=heard))
        spent = time.process_time() - began
        answers = run.recommender.answer(judge.scenarios)
        worth = judge.verdict(answers, tools=False).figures["worth"]
        return Trained(run, worth, spent)


def share(judge: Judge, worth: Floats, than: Floats | None = None) -> list[float]:
    """The reward share with its 95% interval; paired, where it is a gain over another's."""
    base = judge.random if than is None else than
    sums = np.column_stack([worth - base, judge.best - judge.random])
    drawn = resampled_sums(sums, 1000, 0)
    low, high = interval(drawn[:, 0] / drawn[:, 1])
    assert low is not None
    assert high is not None
    return [float(sums[:, 0].sum() / sums[:, 1].sum()), low, high]


def few(seed: int) -> None:
    """A shop that begins with 25 scenarios of its own."""
    keys = [f"few, {count}/{seed}" for count in (0, *COUNTS)]
    if all(done(NAME, key) for key in keys):
        return
    judge = judge_of(FRESH_SEED, FRESH)
    before = trained(judge, seed, scenarios=FEW)
    _record(keys[0], judge, before, before, {}, "")
    for count, key in zip(COUNTS, keys[1:], strict=True):
        if not done(NAME, key):
            people = derive(seed, "people") % 10**6
            heard, kinds, words = heard_of(judge.world, before.run.recommender, count, people)
            after = trained(judge, seed, heard, scenarios=FEW)
            _record(key, judge, after, before, kinds, words)


def measure(seed: int) -> None:
    """One seed: without feedback, with more and more of it, and with as many steps instead."""
    keys = [f"{count}/{seed}" for count in (0, *COUNTS)] + [f"more steps/{seed}"]
    if all(done(NAME, key) for key in keys):
        return
    judge = judge_of(FRESH_SEED, FRESH)
    before = trained(judge, seed)
    _record(keys[0], judge, before, before, {}, "")
    for count in sorted(COUNTS, reverse=True):
        key = f"{count}/{seed}"
        if not done(NAME, key):
            people = derive(seed, "people") % 10**6
            heard, kinds, words = heard_of(judge.world, before.run.recommender, count, people)
            _record(key, judge, trained(judge, seed, heard), before, kinds, words)
    if not done(NAME, keys[-1]):
        _record(keys[-1], judge, trained(judge, seed, epochs=MORE_STEPS), before, {}, "")


def _record(
    key: str, judge: Judge, one: Trained, before: Trained, kinds: dict[str, int], words: str
) -> None:
    evaluation = one.run.manifest["evaluation"]
    append_once = {
        "reward_share": share(judge, one.worth),
        "gain": share(judge, one.worth, before.worth),
        "validation": {
            name: evaluation[name]["value"] for name in ("category_match", "tool_f1", "reward_ece")
        },
        "kinds": kinds,
        "gathered": words,
        "cpu_seconds": round(one.seconds, 1),
        "data_fingerprint": one.run.manifest["data_fingerprint"],
    }
    print(key, append_once["reward_share"], append_once["gain"], words, flush=True)
    if not done(NAME, key):
        append(NAME, key, **append_once)


def develop(seeds: int, count: int) -> None:
    """Figures for choosing how to learn: other shoppers, scenarios and splits than those kept."""
    judge = judge_of(DEVELOPMENT, 1000)
    for seed in range(100, 100 + seeds):
        before = trained(judge, seed)
        heard, kinds, words = heard_of(judge.world, before.run.recommender, count, 70_000 + seed)
        after = trained(judge, seed, heard)
        print(seed, words, kinds)
        figures = (share(judge, before.worth), share(judge, after.worth))
        gain = share(judge, after.worth, before.worth)
        print(*([round(x, 4) for x in some] for some in (*figures, gain)), flush=True)


def markdown() -> str:
    """The rows measured so far."""
    lines = [
        "| recommendations reacted to | seed | reward share (95%) | gain over none (95%, paired) "
        "| comparisons | CPU s | commit |",
        "|---" * 7 + "|",
    ]
    for row in rows(NAME):
        count, seed = row["key"].split("/")
        cells = [f"{a:.4f} ({b:.4f} .. {c:.4f})" for a, b, c in (row["reward_share"], row["gain"])]
        said = row["gathered"].split(";")[0].rpartition(" with ")[2] or "none"
        lines.append(
            f"| {count} | {seed} | {' | '.join(cells)} | {said} | {row['cpu_seconds']:.0f} "
            f"| {row['commit']} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="one alone")
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--count", type=int, default=1000, help="of development")
    given = parser.parse_args()
    if given.development:
        develop(given.seeds, given.count)
        return
    for seed in [given.seed] if given.seed is not None else range(given.seeds):
        few(seed)
        measure(seed)


if __name__ == "__main__":
    main()

"""The agent: from a wish to an answer.

It works in stages that take milliseconds of one processor each; between them tools are waited
for. A server runs the stages in its queue and awaits the tools beside it (`through`), so that a
tool that hangs holds up nobody else.
"""

import asyncio
import time
from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from giftrec.agent import evidence, gate, slots, whatif
from giftrec.agent.candidates import REACH, Candidates, candidates
from giftrec.agent.facts import facts_of, nothing
from giftrec.agent.free_words import WORTH, Met, bonus, met
from giftrec.agent.gate import Checked
from giftrec.agent.reply import Alternative, Opinion, Pick, Reason, Reply, Step, ToolUse
from giftrec.agent.settings import AgentSettings
from giftrec.agent.slots import Traits
from giftrec.agent.storefront import Storefront
from giftrec.agent.telling import Shown, reviews_of
from giftrec.agent.wish import Wish
from giftrec.columns import Columns, Floats, Numbers
from giftrec.inputs import Facts
from giftrec.money import RateTable, in_currency
from giftrec.predictions import Predictor, Rewards, Wishes, sigmoid
from giftrec.recommend import tool_sets
from giftrec.schema import Profile
from giftrec.slate import allowed, choose
from giftrec.tools.budget import BudgetRequest
from giftrec.tools.envelope import Envelope, Run
from giftrec.tools.prices import PriceRequest
from giftrec.tools.results import Request
from giftrec.tools.reviews import ReviewRequest
from giftrec.tools.runner import Runner
from giftrec.tools.trends import TrendRequest
from giftrec.vocabulary import TOOLS

T = TypeVar("T")
Through = Callable[[Callable[[], T]], Awaitable[T]]
"""Runs one stage: at once, or when it is its turn."""


@dataclass
class Asking:
    """One wish on its way. Places count in the shortlist."""

    wish: Wish
    profile: Profile  # the budget in the catalogue's money
    who: Columns
    met: Met | None
    found: Candidates
    seen: Predictor  # of the candidates
    wishes: Wishes
    bonus: Floats  # [C] what texts and ratings add
    places: Numbers  # [S] of the shortlist in the candidates
    gifts: Numbers  # [S] their numbers
    tools: tuple[str, ...]  # asked by choice
    dearer: whatif.Dearer
    began: float
    late: list[str] = field(default_factory=list)  # worth a check for what more time would bring
    envelopes: dict[str, Envelope] = field(default_factory=dict)
    gated: dict[str, Checked] = field(default_factory=dict)
    order: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    judged: "Judged | None" = None  # what the tools' answers make of the shortlist
    degraded: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def budget(self) -> int:
        return self.profile.budget.minor

    def note(self, what: str) -> None:
        ms = round(1000 * (time.perf_counter() - self.began), 2)
        self.steps.append(Step(at_ms=ms, what=what))


@dataclass(frozen=True)
class Judged:
    """The shortlist [S] once the tools have answered."""

    facts: Facts
    plain: Rewards  # without free words
    rewards: Rewards


class Agent:
    """One storefront with its tools. Threads and event loops may share it."""

    def __init__(
        self,
        front: Storefront,
        runner: Runner,
        settings: AgentSettings | None = None,
        rates: RateTable | None = None,
        refused: Counts[str] | None = None,
    ) -> None:
        self.front, self.runner, self.rates = front, runner, rates
        self.settings = settings or AgentSettings()
        self.refused = Counts() if refused is None else refused  # at the gate, by why

    async def recommend(self, wish: Wish, through: Through | None = None) -> Reply:  # type: ignore[type-arg]
        """The answer; never later than the tools' deadlines and the stages' time."""
        run = through or _at_once
        asking: Asking = await run(lambda: self.begin(wish))
        requests = self.requests(asking)
        if requests:
            self.told(asking, await self.runner.run(requests, self.settings.deadline_s))
        await run(lambda: self.weigh(asking))
        for _ in range(self.settings.rounds):
            ahead = self.to_check(asking)
            if not ahead:
                break
            asked = self.to_ask(asking, ahead)
            done = await self.runner.run(asked, self.settings.deadline_s)
            self.checked(asking, ahead, done)
        reply: Reply = await run(lambda: self.answer(asking))
        return reply

    def recommend_sync(self, wish: Wish) -> Reply:
        """`recommend` for callers without an event loop."""
        return asyncio.run(self.recommend(wish))

    # ---- stages

    def begin(self, wish: Wish) -> Asking:
        """What may be shown, what is promising, and which tools are worth asking about it."""
        began = time.perf_counter()
        front, how = self.front, self.settings
        wish.profile.check(front.vocabulary)
        budget = in_currency(wish.profile.budget, front.snapshot.currency, self.rates)
        profile = wish.profile.model_copy(
            update={"budget": budget, "days_left": min((wish.day - wish.on).days, 365)}
        )
        if wish.at_least is not None:
            least = in_currency(wish.at_least, front.snapshot.currency, self.rates)
            wish = wish.model_copy(update={"at_least": least})
        who = Columns.of([profile], front.vocabulary)
        words = met(wish, front)
        total = None if words is None else words.total
        found = candidates(wish, budget.minor, who, front, total, how.candidates)
        seen = front.predictor.over(found.gifts)
        more = bonus(words, front, found.gifts)
        asking = Asking(
            wish=wish,
            profile=profile,
            who=who,
            met=words,
            found=found,
            seen=seen,
            wishes=Wishes(np.zeros((1, 0)), np.full((1, len(TOOLS)), -np.inf)),  # type: ignore[arg-type]
            bonus=more,
            places=np.zeros(0, dtype=np.int64),
            gifts=found.gifts[:0],
            tools=(),
            dearer=whatif.Dearer(found.gifts[:0], more[:0]),
            began=began,
        )
        asking.note(f"{len(front)} gifts, {len(found.gifts)} looked at")
        if len(found.gifts):
            self._shortlist(asking)
        return asking

    def _shortlist(self, asking: Asking) -> None:
        front, how, found = self.front, self.settings, asking.found
        asking.wishes = asking.seen.wishes(asking.who)
        who = asking.who.take(np.zeros(2 if how.explain else 1, dtype=np.int64))
        who.budget[1:] *= REACH  # beside them, who has more to spend
        before = asking.seen.rewards(who, nothing(len(found.gifts), len(who)))
        before = before.raised(asking.bonus[None])
        expected = before.expected[0]
        within = front.shelf.price[found.gifts] <= asking.budget
        expected = np.where(within, expected, -1.0)
        best = np.argsort(-expected, kind="stable")[: how.shortlist]
        asking.places = np.sort(best[expected[best] > -1.0])
        asking.gifts = found.gifts[asking.places]
        chosen = tool_sets(asking.wishes.tools, front.predictor.ask_above)[0]
        if how.tools != "chosen":
            chosen = np.full(len(TOOLS), how.tools == "all")
        if len(asking.gifts):
            asking.tools = tuple(t for t, asked in zip(TOOLS, chosen, strict=True) if asked)
        if how.explain:
            asking.dearer = whatif.dearer(asking.budget, found, before.appeal[1], front)
        said = ", ".join(asking.tools) or "none"
        asking.note(f"shortlist of {len(asking.gifts)}; tools worth asking: {said}")

    def requests(self, asking: Asking) -> dict[str, Request]:
        """What the chosen tools are asked, about the shortlist."""
        wish, currency = asking.wish, self.front.snapshot.currency
        gifts = self._names(asking.gifts)
        made: dict[str, Callable[[], Request]] = {
            "price_comparison": lambda: PriceRequest(gifts=gifts, on=wish.on, currency=currency),
            "review_analysis": lambda: ReviewRequest(gifts=gifts, on=wish.on),
            "inventory_check": lambda: gate.stock_request(gifts, wish, self.settings.every_day),
            "trend_analyzer": lambda: TrendRequest(gifts=gifts, on=wish.on),
            "budget_optimizer": lambda: BudgetRequest(
                gifts=gifts,
                on=wish.on,
                values=(1.0,) * len(gifts),
                budget=asking.profile.budget,
                most=1,
            ),
        }
        asked = {tool: made[tool]() for tool in asking.tools}
        if "budget_optimizer" in asked and "price_comparison" not in asked:
            asked[FEES_FROM] = made["price_comparison"]()
        return asked

    def told(self, asking: Asking, run: Run) -> None:
        """What the tools answered."""
        asking.envelopes = run.envelopes
        asking.degraded += [words for words in run.degraded if _tool(words) in asking.tools]
        for step in run.trace:
            asking.note(f"{step.tool}: {step.event}")

    def weigh(self, asking: Asking) -> None:
        """Predict again with what was told; the order in which gifts go to the gate."""
        if not len(asking.gifts):
            return
        judged = asking.judged = self._judged(asking)
        facts, rewards = judged.facts, judged.rewards
        may = allowed(asking.who, self.front.shelf.price[asking.gifts], facts, rewards)
        category = self.front.shelf.category[asking.gifts]
        most = min(asking.wish.count + self.settings.reserve, len(asking.gifts))
        first = choose(rewards, may, category, min(asking.wish.count, most))[0]
        first = first[first >= 0]
        rest = np.argsort(-np.where(may[0], rewards.expected[0], -1.0), kind="stable")
        rest = rest[may[0][rest] & ~np.isin(rest, first)]
        asking.order = np.concatenate([first, rest])
        if self.settings.explain:
            told, names = asking.envelopes.get("inventory_check"), self._names(asking.gifts)
            price = self.front.shelf.price[asking.gifts]
            asking.late = whatif.late(told, names, rewards.appeal[0], price, asking.budget)
        asking.note(f"{int(may.sum())} may be shown")

    def to_check(self, asking: Asking) -> list[str]:
        """Gifts that the gate has to look at next; none where enough have passed."""
        names = self._names(asking.gifts)
        passed = sum(at.refused is None for gift, at in asking.gated.items() if gift in set(names))
        if passed >= asking.wish.count:
            return []
        most = asking.wish.count + self.settings.reserve
        ahead = [names[p] for p in asking.order if names[p] not in asking.gated][:most]
        if not asking.gated:
            more = (*self._names(asking.dearer.gifts), *asking.late)
            ahead += [gift for gift in more if gift not in ahead]
        return ahead

    def to_ask(self, asking: Asking, gifts: Sequence[str]) -> dict[str, Request]:
        """What the gate asks of them."""
        currency = self.front.snapshot.currency
        return gate.requests(gifts, asking.wish, currency, self.settings.every_day)

    def checked(self, asking: Asking, gifts: Sequence[str], run: Run) -> None:
        """What the gate found."""
        wish, front = asking.wish, self.front
        told, every_day = run.envelopes, self.settings.every_day
        found, words = gate.check(gifts, told, wish, asking.budget, front, self.rates, every_day)
        asking.gated.update(found)
        asking.degraded += [word for word in words if word not in asking.degraded]
        refused = [at.code for at in found.values() if at.code is not None]
        self.refused.update(refused)
        asking.note(f"gate: {len(found)} checked, {len(refused)} refused, {run.ms:.0f} ms")

    def answer(self, asking: Asking) -> Reply:
        """The slate of what passed, with names, reasons and what a little more would change."""
        front, wish = self.front, asking.wish
        picks: tuple[Pick, ...] = ()
        alternatives: tuple[Alternative, ...] = ()
        if len(asking.gifts):
            picks, alternatives = self._slate(asking)
        notes = [*front.notes, *asking.found.notes, *(asking.met.notes if asking.met else ())]
        if len(picks) < wish.count:
            gifts = "gift" if len(picks) == 1 else "gifts"
            notes.append(f"only {len(picks)} {gifts} of {wish.count} may be shown")
        least = whatif.cheapest(asking.found, front, asking.budget)
        if not picks and not alternatives and least is not None:
            alternatives = (least,)
        asking.note("answered")
        return Reply(
            profile=wish.profile,
            picks=picks,
            categories=self._categories(asking),
            tools=self._uses(asking),
            alternatives=alternatives,
            notes=tuple(notes),
            degraded=tuple(asking.degraded),
            text_by=asking.met.by if asking.met else None,
            catalogue=front.snapshot.fingerprint,
            as_of=front.as_of,
            trace=tuple(asking.steps),
        )

    # ---- parts of stages

    def _slate(self, asking: Asking) -> tuple[tuple[Pick, ...], tuple[Alternative, ...]]:
        front, wish, names = self.front, asking.wish, self._names(asking.gifts)
        assert asking.judged is not None
        rewards = asking.judged.rewards
        passed = np.array(
            [name in asking.gated and asking.gated[name].refused is None for name in names]
        )
        category = front.shelf.category[asking.gifts]
        slate = choose(rewards, passed[None], category, min(wish.count, len(names)))[0]
        slate = slate[slate >= 0]
        traits = Traits.of(self._totals(asking, names), self._meets(asking), rewards)
        if self.settings.names:
            slate = slots.with_names(slate, passed, traits, asking.budget)
        told = slots.name(slate, traits, asking.budget)
        reasons = self._reasons(asking, slate, asking.judged)
        picks = tuple(
            Pick(
                rank=rank,
                slot=slot,
                gift=names[place],
                title=str(front.snapshot.gifts["title"][int(asking.gifts[place])]),
                category=front.snapshot.gifts["category"][int(asking.gifts[place])],
                cost=asking.gated[names[place]].cost,
                delivery=asking.gated[names[place]].delivery,
                opinion=_opinion(asking.envelopes, names[place]),
                expected=round(float(rewards.expected[0, place]), 4),
                reasons=why,
            )
            for rank, (place, slot, why) in enumerate(
                zip(slate.tolist(), told, reasons, strict=True), 1
            )
        )
        return picks, self._alternatives(asking, picks, rewards, names)

    def _alternatives(
        self, asking: Asking, picks: tuple[Pick, ...], rewards: Rewards, names: Sequence[str]
    ) -> tuple[Alternative, ...]:
        if not self.settings.explain:
            return ()
        shown = [names.index(pick.gift) for pick in picks]
        best = float(rewards.appeal[0, shown].max(initial=-1.0))
        late = [
            (asking.gated[name], float(rewards.appeal[0, place]))
            for place, name in enumerate(names)
            if name in asking.gated and asking.gated[name].delivery.in_time is False
        ]
        found = (
            whatif.with_more(asking.dearer, asking.gated, asking.budget, best, self.front),
            whatif.with_time(late, asking.wish, asking.budget, best, self.front),
        )
        return tuple(alternative for alternative in found if alternative is not None)

    def _reasons(self, asking: Asking, slate: Numbers, judged: Judged) -> list[tuple[Reason, ...]]:
        if not self.settings.explain or not len(slate):
            return [() for _ in slate]
        seen = asking.seen.over(asking.places)
        lost = evidence.removals(asking.profile, judged.facts, slate, seen, self.front)
        plain, told = judged.plain.expected[0], judged.rewards.expected[0]
        names, found = self._names(asking.gifts), []
        for at, place in enumerate(slate.tolist()):
            number = int(asking.gifts[place])
            gained = float(told[place] - plain[place])
            words = {}
            if asking.met is not None and asking.met.each:
                shares = {w: float(row[number]) for w, row in asking.met.each.items()}
                added = float(asking.bonus[asking.places[place]])
                met_words = WORTH * float(asking.met.total[number]) / (sum(shares.values()) or 1.0)
                rate = gained / added if abs(added) > TINY else 0.0
                words = {
                    self._word(word): rate * met_words * share
                    for word, share in shares.items()
                    if share >= asking.met.near[word]
                }
            checked = asking.gated[names[place]]
            shown = Shown(number, checked, asking.envelopes, self.front)
            found.append(evidence.reasons_of(at, shown, lost, words, asking.wish.profile.budget))
        return found

    def _word(self, word: str) -> str:
        """A free word, or the title of the gift that others are to resemble."""
        number = self.front.snapshot.index.get(word)
        return word if number is None else str(self.front.snapshot.gifts["title"][number])

    def _judged(self, asking: Asking) -> Judged:
        prices = asking.envelopes.get("price_comparison") or asking.envelopes.get(FEES_FROM)
        chosen = {tool: asking.envelopes[tool] for tool in asking.tools if tool in asking.envelopes}
        facts = facts_of(chosen, prices, asking.gifts, self.front)
        plain = asking.seen.over(asking.places).rewards(asking.who, facts)
        return Judged(facts, plain, plain.raised(asking.bonus[None, asking.places]))

    def _totals(self, asking: Asking, names: Sequence[str]) -> Floats:
        listed = (self.front.shelf.price + self.front.shelf.fees)[asking.gifts]
        live = [
            asking.gated[name].cost.total.minor if name in asking.gated else float(total)
            for name, total in zip(names, listed.tolist(), strict=True)
        ]
        return np.asarray(live, dtype=np.float32)

    def _meets(self, asking: Asking) -> Floats:
        """[S] how many of the stated likes a gift meets."""
        shelf, who, gifts = self.front.shelf, asking.who, asking.gifts
        meets: Floats = shelf.hobbies[gifts] @ who.hobbies[0]
        meets = meets + 0.5 * (shelf.preferences[gifts] @ who.preferences[0])
        return np.asarray(meets + asking.found.words[asking.places], dtype=np.float32)

    def _names(self, gifts: Numbers) -> tuple[str, ...]:
        ids = self.front.snapshot.ids
        return tuple(ids[int(number)] for number in gifts)

    def _categories(self, asking: Asking) -> tuple[str, ...]:
        names = list(self.front.vocabulary.gift_categories)
        ranked = np.argsort(-asking.wishes.categories[0], kind="stable")[:3]
        return tuple(names[int(c)] for c in ranked)

    def _uses(self, asking: Asking) -> tuple[ToolUse, ...]:
        pays = sigmoid(asking.wishes.tools)[0]
        return tuple(
            _use(tool, float(pays[t]), asking.envelopes.get(tool) if tool in asking.tools else None)
            for t, tool in enumerate(TOOLS)
        )


TINY = 1e-6
FEES_FROM = "price_comparison"  # budget_optimizer weighs the same landed offers


async def _at_once(stage: Callable[[], T]) -> T:
    return stage()


def _tool(words: str) -> str:
    return words.partition(":")[0]


def _use(tool: str, pays: float, envelope: Envelope | None) -> ToolUse:
    if envelope is None:
        return ToolUse(tool=tool, pays=round(pays, 4), asked=False, status="not asked")
    return ToolUse(
        tool=tool,
        pays=round(pays, 4),
        asked=True,
        status=envelope.status,
        as_of=envelope.as_of,
        ms=envelope.ms,
        words=envelope.words,
    )


def _opinion(envelopes: Mapping[str, Envelope], gift: str) -> Opinion | None:
    found = reviews_of(envelopes, gift)
    if found is None:
        return None
    good = [a.name for a in found.aspects if a.good > a.bad]
    bad = [a.name for a in found.aspects if a.bad > a.good]
    doubt = found.suspicions[0].words if found.suspicions else None
    return Opinion(
        rating=round(found.rating_without_suspicious, 2),
        count=found.count,
        praised=tuple(good[:3]),
        blamed=tuple(bad[:3]),
        doubt=doubt,
    )

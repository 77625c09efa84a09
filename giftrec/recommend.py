"""From a recipient to gifts: choose tools, ask them, predict, choose the slate, say why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giftrec.answers import Answers
from giftrec.catalog.world import World
from giftrec.columns import Columns, Floats, Numbers
from giftrec.inputs import PRICE, Facts, asked
from giftrec.money import Money, RateTable, in_currency
from giftrec.predictions import Predictor, Rewards, Wishes, sigmoid
from giftrec.reasons import reasons
from giftrec.schema import Profile, Record, Scenario
from giftrec.slate import SLATE, Bools, allowed, choose
from giftrec.vocabulary import TOOLS

BLOCK = 256  # recipients at a time


class Suggestion(Record):
    """One gift of an answer."""

    rank: int
    gift: str
    title: str
    category: str
    price: Money
    expected_satisfaction: float
    reasons: tuple[str, ...]


class Answer(Record):
    """What a recipient's giver is told."""

    suggestions: tuple[Suggestion, ...]
    categories: tuple[str, ...]
    tools: tuple[str, ...]
    day: int
    note: str | None = None


@dataclass(frozen=True)
class Said:
    """Predictions of a block of recipients before and after asking, and the slate that follows."""

    wishes: Wishes
    tools: Bools  # [B, 5] asked
    facts: Facts
    rewards: Rewards
    allowed: Bools  # [B, G]
    slates: Numbers  # [B, 5]


class GiftRecommender:
    """A predictor of a world's gifts, asked and answered for."""

    def __init__(self, predictor: Predictor, world: World) -> None:
        self.predictor, self.world = predictor, world

    def say(self, profiles: Sequence[Profile], days: Sequence[int], size: int = SLATE) -> Said:
        """One block: the tools that the model wants are asked, each about all gifts."""
        who = Columns.of(profiles, self.world.vocabulary)
        wishes = self.predictor.wishes(who)
        tools = tool_sets(wishes.tools, self.predictor.ask_above)
        facts = asked(self.world, days, tools)
        rewards = self.predictor.rewards(who, facts)
        may = allowed(who, self.world.listing.price, facts, rewards)
        slates = choose(rewards, may, self.world.categories, size)
        return Said(wishes, tools, facts, rewards, may, slates)

    def answer(self, scenarios: Sequence[Scenario]) -> Answers:
        """Many scenarios, block by block."""
        parts = []
        for start in range(0, len(scenarios), BLOCK):
            block = scenarios[start : start + BLOCK]
            said = self.say([s.profile for s in block], [s.day for s in block])
            parts.append(
                Answers(
                    said.wishes.categories.astype(np.float64),
                    said.wishes.tools.astype(np.float64),
                    said.tools,
                    said.slates,
                    said.rewards.expected.astype(np.float64),
                    said.allowed,
                )
            )
        names = Answers.__annotations__
        return Answers(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})

    def recommend(
        self, profile: Profile, day: int = 0, k: int = SLATE, rates: RateTable | None = None
    ) -> Answer:
        """An answer for one recipient, with reasons; `rates` convert a budget in other money."""
        profile.check(self.world.vocabulary)
        budget = in_currency(profile.budget, self.world.currency, rates)
        profile = profile.model_copy(update={"budget": budget})
        said = self.say([profile], [day], min(k, len(self.world)))
        names = list(self.world.vocabulary.gift_categories)
        ranked = np.argsort(-said.wishes.categories[0], kind="stable")[:3]
        expected = said.rewards.expected[0]
        slate = [int(g) for g in said.slates[0] if g >= 0]
        price = said.facts.price[0] if said.tools[0, PRICE] else self.world.listing.price
        suggestions = tuple(
            Suggestion(
                rank=rank,
                gift=self.world.gifts[g].id,
                title=self.world.gifts[g].title,
                category=self.world.gifts[g].category,
                price=Money(minor=int(price[g]), currency=self.world.currency),
                expected_satisfaction=round(float(expected[g]), 4),
                reasons=reasons(profile, self.world, g, said.facts),
            )
            for rank, g in enumerate(slate, start=1)
        )
        short = f"only {len(slate)} of {k} gifts fit the budget and the day"
        return Answer(
            suggestions=suggestions,
            categories=tuple(names[int(c)] for c in ranked),
            tools=tuple(tool for t, tool in enumerate(TOOLS) if said.tools[0, t]),
            day=day,
            note=None if len(slate) >= k else short,
        )


def tool_sets(logits: Floats, ask_above: float) -> Bools:
    """[B, 5] the tools to ask: where the chance that asking pays is above `ask_above`."""
    assert logits.shape[1] == len(TOOLS)
    asking: Bools = sigmoid(logits) > ask_above
    return asking

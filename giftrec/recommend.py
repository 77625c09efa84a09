"""From a recipient to gifts: choose tools, ask them, predict, choose the slate, say why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from giftrec.answers import Answers
from giftrec.catalog.world import World
from giftrec.columns import Columns
from giftrec.model.inputs import Catalogue, Facts, Recipients, asked, nothing_known
from giftrec.model.integrated import GiftModel, Prediction, tool_sets
from giftrec.model.slate import SLATE, allowed, choose
from giftrec.money import Money, RateTable, in_currency
from giftrec.reasons import reasons
from giftrec.schema import Profile, Record, Scenario
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
    """Predictions of a block of recipients after asking, and the slate that follows."""

    first: Prediction
    tools: Tensor  # [B, 5]
    facts: Facts
    after: Prediction
    allowed: Tensor  # [B, G]
    slates: Tensor  # [B, 5]


class GiftRecommender:
    """A trained model in a world."""

    def __init__(self, model: GiftModel, world: World) -> None:
        self.model, self.world = model, world
        self.gifts = Catalogue.of(world, model.settings.text_buckets)

    def say(self, profiles: Sequence[Profile], days: Sequence[int], size: int = SLATE) -> Said:
        """One block: the tools that the model wants are asked, each about all gifts."""
        device = self.model.category.weight.device
        who = Recipients.of(Columns.of(profiles, self.world.vocabulary)).to(device)
        gifts = self.gifts.to(device)
        training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                first = self.model(who, gifts, nothing_known(len(who), len(gifts)).to(device))
                tools = tool_sets(first.tools, self.model.settings.ask_above)
                facts = asked(self.world, list(days), tools.cpu()).to(device)
                after = self.model(who, gifts, facts)
                may = allowed(who, gifts, facts, after.reward)
                slates = choose(after.reward, may, gifts.category, size)
        finally:
            self.model.train(training)
        return Said(first, tools, facts, after, may, slates)

    def answer(self, scenarios: Sequence[Scenario]) -> Answers:
        """Many scenarios, block by block."""
        parts = []
        for start in range(0, len(scenarios), BLOCK):
            block = scenarios[start : start + BLOCK]
            said = self.say([s.profile for s in block], [s.day for s in block])
            parts.append(
                (
                    said.first.categories,
                    said.first.tools,
                    said.tools,
                    said.slates,
                    said.after.reward.expected,
                    said.allowed,
                )
            )
        categories, scores, tools, slates, rewards, may = (
            torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)
        )
        return Answers(
            categories.astype(np.float64),
            scores.astype(np.float64),
            tools > 0,
            slates,
            rewards.astype(np.float64),
            may,
        )

    def recommend(
        self, profile: Profile, day: int = 0, k: int = SLATE, rates: RateTable | None = None
    ) -> Answer:
        """An answer for one recipient, with reasons; `rates` convert a budget in other money."""
        profile.check(self.world.vocabulary)
        budget = in_currency(profile.budget, self.world.currency, rates)
        profile = profile.model_copy(update={"budget": budget})
        said = self.say([profile], [day], k)
        names = list(self.world.vocabulary.gift_categories)
        ranked = said.first.categories[0].argsort(descending=True, stable=True)[:3]
        expected = said.after.reward.expected[0]
        slate = [int(g) for g in said.slates[0] if g >= 0]
        price = torch.where(
            said.facts.known[0, 0] > 0,
            said.facts.price[0],
            self.gifts.price.to(said.facts.told.device),
        )
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
            tools=tuple(tool for t, tool in enumerate(TOOLS) if said.tools[0, t] > 0),
            day=day,
            note=None if len(slate) >= k else short,
        )

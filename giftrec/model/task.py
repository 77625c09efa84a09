"""What the trainer is told of the gift model: seed 004's five loss terms, and parameter groups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from giftrec.catalog.world import World
from giftrec.columns import Columns, incidence
from giftrec.model.inputs import Catalogue, Facts, Recipients, asked
from giftrec.model.integrated import GiftModel, Prediction
from giftrec.model.reward import tobit_loss
from giftrec.scenarios.augment import AugmentSettings, augment
from giftrec.schema import Scenario
from giftrec.vocabulary import TOOLS
from reccore.train.task import Batch, ParameterGroup, Task, Term, default_groups

DRAWS = 10  # of each scenario in an epoch
RECEPTION = 0.5  # of a reception's surprise in nats: at first the four large terms weigh alike
COUNT_WEIGHT = 0.02  # of asking for too many or too few tools
NAMES = ("category", "tool_diversity", "reward", "semantic_matching", "embedding_regularisation")
GROUPS = {
    "user_profile": ("profile_encoder",),
    "category_matching": ("category_matcher", "category"),
    "tool_selection": ("tool_selector",),
    "reward_prediction": ("reward_predictor",),
}


@dataclass(frozen=True)
class Lessons:
    """Training scenarios as tensors: what was right, what the tools told, what was received."""

    columns: Columns
    categories: Tensor  # [N, C]
    tools: Tensor  # [N, 5]
    facts: Facts  # all five asked about all gifts: [N, G]
    received: Tensor  # [N, G]; NaN where not known

    @classmethod
    def of(cls, scenarios: Sequence[Scenario], world: World) -> "Lessons":
        words = world.vocabulary
        received = np.full((len(scenarios), len(world)), np.nan, dtype=np.float32)
        for row, scenario in enumerate(scenarios):
            for outcome in scenario.outcomes:
                received[row, world.index[outcome.gift]] = outcome.satisfaction
        categories = incidence([s.expected_categories for s in scenarios], words.levels("category"))
        tools = incidence([s.expected_tools for s in scenarios], TOOLS)
        everything = torch.ones(len(scenarios), len(TOOLS))
        return cls(
            Columns.of([s.profile for s in scenarios], words),
            torch.from_numpy(categories),
            torch.from_numpy(tools),
            asked(world, [s.day for s in scenarios], everything),
            torch.from_numpy(received),
        )


class GiftTask(Task):
    """Augmented draws of the training scenarios, with a random part of the facts revealed."""

    monitor: ClassVar[str] = "selection"

    def __init__(
        self,
        model: GiftModel,
        lessons: Lessons,
        gifts: Catalogue,
        augmentation: AugmentSettings,
        validate: Callable[[], dict[str, float]],
    ) -> None:
        self.module, self.lessons, self.gifts = model, lessons, gifts
        self.augmentation, self.validate = augmentation, validate
        self.label_smoothing = model.settings.label_smoothing
        self.rows = DRAWS * len(lessons.columns)
        budget = torch.from_numpy(lessons.columns.budget)[:, None]
        left = torch.from_numpy(lessons.columns.days_left)[:, None]
        facts = lessons.facts
        self._felt = (facts.price + facts.fees <= budget) & (facts.lead_days <= left)
        self._felt &= ~lessons.received.isnan()  # the gift could be had: what counts is its appeal

        self._receptions = max(1.0, float(self._felt.sum()))

    @property
    def term_names(self) -> tuple[str, ...]:
        return NAMES

    def to(self, device: torch.device) -> None:
        super().to(device)
        self.gifts = self.gifts.to(device)

    def prepare(self, rows: Tensor, generator: torch.Generator) -> Batch:
        lessons, which = self.lessons, rows % len(self.lessons.columns)
        draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        varied = augment(lessons.columns.take(which.numpy()), self.augmentation, draw)
        share = torch.rand(len(rows), 1, generator=generator) * 1.5 - 0.25
        known = (torch.rand(len(rows), len(TOOLS), generator=generator) < share).float()
        return {
            "size": len(rows),
            **vars(Recipients.of(varied)),
            "told": lessons.facts.told[:, which],  # [5, B, G]
            "known": known,
            "categories": lessons.categories[which],
            "tools": lessons.tools[which],
            "received": lessons.received[which].nan_to_num(0.0),
            "felt": self._felt[which],
        }

    def terms(self, batch: Batch) -> dict[str, Term]:
        model: GiftModel = self.module  # type: ignore[assignment]
        who = Recipients(**{name: batch[name] for name in Recipients.__annotations__})
        facts = Facts(batch["told"], torch.ones_like(batch["known"]))
        said = model(who, self.gifts, facts.masked(batch["known"]))
        bce = nn.functional.binary_cross_entropy_with_logits
        category, tool = (
            bce(logits, self._softened(batch[name]), reduction="none").mean(1)
            for name, logits in (("categories", said.categories), ("tools", said.tools))
        )
        many = torch.sigmoid(said.tools).sum(1) - batch["tools"].sum(1)
        held = torch.stack([p.square().sum() for p in model.embeddings()]).sum()
        size = float(batch["size"])
        return {
            "category": Term(category.sum(), size),
            "tool_diversity": Term((tool + COUNT_WEIGHT * many.square()).sum(), size),
            "reward": Term(self._reward(model, said, who, facts, batch).sum(), size),
            "semantic_matching": Term(_matching(said.similarity, batch).sum(), size),
            "embedding_regularisation": Term(held * size, size),
        }

    def _softened(self, labels: Tensor) -> Tensor:
        """Labels of 0 and 1 a little towards a half: they come from a few scenarios."""
        soft = self.label_smoothing
        return labels * (1 - soft) + soft / 2

    def _reward(
        self, model: GiftModel, said: Prediction, who: Recipients, facts: Facts, batch: Batch
    ) -> Tensor:
        """[B] how unlikely the receptions were, and the facts that were not revealed."""
        felt = batch["felt"].float()  # [B, G]
        unlikely = tobit_loss(said.reward.mean, said.reward.spread, batch["received"]) * felt
        appeal = unlikely.sum(1) / felt.sum(1).clamp_min(1)
        bce = nn.functional.binary_cross_entropy_with_logits
        could = (facts.price + facts.fees <= who.budget[:, None]).float()
        came = (facts.lead_days <= who.days_left[:, None]).float()
        chances = torch.zeros_like(appeal)
        for logit, truth in (
            (said.before.afford, could),
            (said.reward.afford, could),
            (said.before.arrive, came),
        ):
            known = logit.isinf()
            loss = bce(torch.where(known, 0.0, logit), truth, reduction="none")
            chances = chances + torch.where(known, 0.0, loss).mean(1)
        believed = model.reward_predictor.surprise() / self._receptions
        total: Tensor = RECEPTION * (appeal + chances / 3 + believed)
        return total

    def evaluate(self) -> dict[str, float]:
        return self.validate()

    def parameter_groups(self) -> list[ParameterGroup]:
        """Seed 004's: a rate for each part, and `main` for the rest; each split by decay."""
        groups: list[ParameterGroup] = []
        named: list[str] = []
        for name, parts in GROUPS.items():
            part = nn.ModuleList(getattr(self.module, attribute) for attribute in parts)
            named += parts
            groups += default_groups(part, name)
        rest = nn.ModuleList(m for n, m in self.module.named_children() if n not in named)
        return groups + default_groups(rest, "main")


def _matching(similarity: Tensor, batch: Batch) -> Tensor:
    """[B] cross entropy between text similarities and satisfactions over the gifts received."""
    felt = batch["felt"]
    logits = torch.where(felt, 5 * similarity, -1e4)
    liked = batch["received"] * felt
    target = liked / liked.sum(1, keepdim=True).clamp_min(1e-6)
    some = felt.sum(1).clamp_min(1)
    loss = -(target * torch.log_softmax(logits, dim=1)).sum(1) / torch.log(some + 1.0)
    return torch.where(liked.sum(1) > 0, loss, 0.0)

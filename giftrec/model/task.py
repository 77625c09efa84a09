"""What the trainer is told of the gift model: seed 004's five loss terms, and parameter groups.

Rows are scenarios, and after them what was heard from people. Of the latter no categories and tools
are known, and of the day's facts only what was told when the gifts were shown: they teach the
appeal of gifts alone. An epoch visits the scenarios, and each batch hears some of the others beside
it: the more was heard the larger are the batches, while the scenarios are learned as without them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from giftrec.catalog.world import World
from giftrec.columns import Columns, incidence
from giftrec.learn.heard import Heard
from giftrec.model.comparing import Comparisons, comparison_loss
from giftrec.model.inputs import Catalogue, Facts, Recipients, asked
from giftrec.model.integrated import GiftModel, Prediction
from giftrec.model.reward import tobit_loss
from giftrec.scenarios.augment import AugmentSettings, augment
from giftrec.schema import Scenario
from giftrec.vocabulary import TOOLS
from reccore.train.task import Batch, ParameterGroup, Task, Term, default_groups

DRAWS = 10  # of each scenario in an epoch
HEARD_DRAWS = 1.0  # of what was heard: there is more of it, and it weighs as much in the loss
HEARD_BATCH = 400  # rows at most that are heard beside a batch
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
    """Training rows as tensors: what was right, what the tools told, what was received.

    S scenarios, then H rows that were heard, which have zeros for what is not known of them.
    """

    columns: Columns
    categories: Tensor  # [N, C]
    tools: Tensor  # [N, 5]
    facts: Facts  # of a scenario all five about all gifts [N, G]; else what was told
    received: Tensor  # [N, G]; NaN where not known
    stated: Tensor  # [N] 1 where all of the above is known
    heard: Comparisons  # [N, K]

    @classmethod
    def of(
        cls, scenarios: Sequence[Scenario], world: World, heard: Sequence[Heard] = ()
    ) -> "Lessons":
        words, rows = world.vocabulary, len(scenarios) + len(heard)
        received = np.full((rows, len(world)), np.nan, dtype=np.float32)
        for row, scenario in enumerate(scenarios):
            for outcome in scenario.outcomes:
                received[row, world.index[outcome.gift]] = outcome.satisfaction
        unknown: list[tuple[str, ...]] = [()] * len(heard)
        categories = [s.expected_categories for s in scenarios] + unknown
        tools = [s.expected_tools for s in scenarios] + unknown
        stated = (torch.arange(rows) < len(scenarios)).float()
        days = [s.day for s in scenarios] + [0] * len(heard)
        facts = asked(world, days, stated[:, None].repeat(1, len(TOOLS)))
        for row, one in enumerate(heard, start=len(scenarios)):
            gifts = [world.index[gift] for gift in one.gifts]
            for tool, values in one.told.items():
                facts.known[row, TOOLS.index(tool)] = 1.0
                facts.told[TOOLS.index(tool), row, gifts] = torch.tensor(values)
        return cls(
            Columns.of([s.profile for s in scenarios] + [one.profile for one in heard], words),
            torch.from_numpy(incidence(categories, words.levels("category"))),
            torch.from_numpy(incidence(tools, TOOLS)),
            facts,
            torch.from_numpy(received),
            stated,
            Comparisons.of(len(scenarios), heard, world),
        )

    @property
    def scenarios(self) -> int:
        return int(self.stated.sum())


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
        self.rows = DRAWS * lessons.scenarios
        self.heard = len(lessons.columns) - lessons.scenarios
        budget = torch.from_numpy(lessons.columns.budget)[:, None]
        left = torch.from_numpy(lessons.columns.days_left)[:, None]
        facts = lessons.facts
        self._felt = (facts.price + facts.fees <= budget) & (facts.lead_days <= left)
        self._felt &= ~lessons.received.isnan()  # the gift could be had: what counts is its appeal
        felt, compared = float(self._felt.sum()), lessons.heard.weight.sum(1)
        self._receptions = max(1.0, felt + float(compared.sum()))
        self._each = max(1.0, felt / max(1, lessons.scenarios))  # receptions of a scenario
        self._compared = compared / self._each

    @property
    def term_names(self) -> tuple[str, ...]:
        return NAMES

    def to(self, device: torch.device) -> None:
        super().to(device)
        self.gifts = self.gifts.to(device)

    def prepare(self, rows: Tensor, generator: torch.Generator) -> Batch:
        lessons = self.lessons
        visited, beside = len(rows), self._beside(len(rows))
        which = rows % lessons.scenarios
        if beside:
            drawn = torch.randint(self.heard, (beside,), generator=generator)
            which = torch.cat([which, lessons.scenarios + drawn])
        draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        varied = augment(lessons.columns.take(which[:visited].numpy()), self.augmentation, draw)
        others = lessons.columns.take(which[visited:].numpy())  # real ones: they stay as they were
        share = torch.rand(visited, 1, generator=generator) * 1.5 - 0.25
        known = (torch.rand(visited, len(TOOLS), generator=generator) < share).float()
        # every reception and comparison weighs alike, however often it is drawn
        often = self.heard * visited / (lessons.scenarios * max(1, beside))
        return {
            "size": len(which),
            **vars(Recipients.of(varied.and_(others))),
            "told": lessons.facts.told[:, which],  # [5, B, G]
            "known": torch.cat([known, lessons.facts.known[which[visited:]]]),
            "categories": lessons.categories[which],
            "tools": lessons.tools[which],
            "received": lessons.received[which].nan_to_num(0.0),
            "felt": self._felt[which],
            "stated": lessons.stated[which],
            "often": torch.full((len(which),), often),
            "weight": lessons.stated[which] + often * self._compared[which],
            "better": lessons.heard.better[which],
            "worse": lessons.heard.worse[which],
            "compared": lessons.heard.weight[which],
        }

    def _beside(self, visited: int) -> int:
        """How many that were heard go beside so many scenarios."""
        wanted = HEARD_DRAWS * self.heard * visited / max(1, self.rows)
        return min(HEARD_BATCH, math.ceil(wanted))

    def counts(self, batch: Batch) -> dict[str, float]:
        stated, weight = float(batch["stated"].sum()), float(batch["weight"].sum())
        every = dict.fromkeys(NAMES, stated)
        return every | {"reward": weight, "embedding_regularisation": float(batch["size"])}

    def terms(self, batch: Batch) -> dict[str, Term]:
        model: GiftModel = self.module  # type: ignore[assignment]
        who = Recipients(**{name: batch[name] for name in Recipients.__annotations__})
        stated, counts = batch["stated"], self.counts(batch)
        facts = Facts(batch["told"], torch.ones_like(batch["known"]))
        said = model(who, self.gifts, facts.masked(batch["known"]))
        bce = nn.functional.binary_cross_entropy_with_logits
        category, tool = (
            bce(logits, self._softened(batch[name]), reduction="none").mean(1)
            for name, logits in (("categories", said.categories), ("tools", said.tools))
        )
        many = torch.sigmoid(said.tools).sum(1) - batch["tools"].sum(1)
        held = torch.stack([p.square().sum() for p in model.embeddings()]).sum()
        sums = {
            "category": (category * stated).sum(),
            "tool_diversity": ((tool + COUNT_WEIGHT * many.square()) * stated).sum(),
            "reward": self._reward(model, said, who, facts, batch).sum(),
            "semantic_matching": (_matching(said.similarity, batch) * stated).sum(),
            "embedding_regularisation": held * counts["embedding_regularisation"],
        }
        return {name: Term(sums[name], counts[name]) for name in NAMES}

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
        heard = comparison_loss(
            said.reward.mean, said.reward.spread, batch["better"], batch["worse"], batch["compared"]
        )
        heard = heard / self._each * batch["often"]
        believed = model.reward_predictor.surprise() / self._receptions * batch["weight"]
        total: Tensor = RECEPTION * (appeal + chances / 3 * batch["stated"] + heard + believed)
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

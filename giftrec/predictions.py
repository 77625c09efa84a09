"""What is predicted of recipients and gifts, whoever predicts: the model in torch or a bundle."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from giftrec.columns import Columns, Floats, Numbers
from giftrec.inputs import Facts
from giftrec.normal import clipped_mean


@dataclass(frozen=True)
class Wishes:
    """What to look for and what to ask about, before any tool is asked. Logits."""

    categories: Floats  # [B, C]
    tools: Floats  # [B, 5]


@dataclass(frozen=True)
class Rewards:
    """Of every gift, for every recipient: [B, G] each."""

    mean: Floats  # of the appeal before clipping
    spread: Floats  # its standard deviation, > 0
    appeal: Floats  # its mean after clipping
    afford: Floats  # logit; -inf or +inf where known
    arrive: Floats

    def take(self, gifts: Numbers) -> "Rewards":
        """Of some of the gifts."""
        return Rewards(*(getattr(self, name)[:, gifts] for name in Rewards.__annotations__))

    def raised(self, by: Floats) -> "Rewards":
        """With `by` [B, G] added to the appeal before clipping."""
        mean = self.mean + by
        appeal = clipped_mean(mean, self.spread)
        return Rewards(mean, self.spread, appeal, self.afford, self.arrive)

    @cached_property
    def chance(self) -> Floats:
        return sigmoid(self.afford) * sigmoid(self.arrive)

    @cached_property
    def expected(self) -> Floats:
        """The satisfaction to expect, in [0, 1]: 0 exactly where a gift cannot be had."""
        return self.appeal * self.chance


class Predictor(Protocol):
    """Predicts for the gifts of one shelf."""

    @property
    def ask_above(self) -> float:
        """Chance that a tool pays above which it is asked."""
        ...

    def over(self, gifts: Numbers) -> "Predictor":
        """The same for some of its gifts: nothing is encoded again."""
        ...

    def wishes(self, who: Columns) -> Wishes: ...

    def rewards(self, who: Columns, facts: Facts) -> Rewards: ...


def sigmoid(logits: Floats) -> Floats:
    """Exactly 0 and 1 at the infinities, which runtimes of graphs only come near to."""
    with np.errstate(over="ignore"):
        chance: Floats = np.reciprocal(1 + np.exp(-logits))
    return chance

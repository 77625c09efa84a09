"""Named loss terms as one loss: fixed weights, or weights learned from uncertainty.

Learned weights follow Kendall, Gal & Cipolla (arXiv:1705.07115): with s = log(variance) of a
term, the loss is the sum of exp(-s) * L + s / 2. The fixed weights are where they begin.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from reccore.config import Settings
from reccore.errors import UserError
from reccore.train.task import Term


class ObjectiveSettings(Settings):
    """How the loss terms of a task are weighed against each other."""

    mode: Literal["fixed", "uncertainty"] = Field(
        "fixed", description="uncertainty: the weights are learned with the model."
    )
    weights: dict[str, float] = Field(
        default_factory=dict, description="Weight by term name; 1 where a term is not named."
    )


class Objective(nn.Module):
    """The weighted loss of a batch, and what each term contributed to it."""

    log_variances: nn.Parameter | None  # [T]

    def __init__(self, settings: ObjectiveSettings, names: Sequence[str]) -> None:
        super().__init__()
        if unknown := sorted(settings.weights.keys() - set(names)):
            raise UserError(
                f"train.objective.weights names an unknown term {unknown[0]!r}",
                "known: " + ", ".join(names),
            )
        self.names = tuple(names)
        self.fixed = {name: settings.weights.get(name, 1.0) for name in names}
        learned = settings.mode == "uncertainty"
        for name, weight in self.fixed.items():
            if weight < 0 or (learned and weight == 0):
                raise UserError(
                    f"train.objective.weights.{name}={weight:g}",
                    "it must be above 0" if learned else "it must not be negative",
                )
        if not any(self.fixed.values()):
            raise UserError("all train.objective.weights are 0", "give one term a weight")
        start = torch.tensor([-math.log(w) for w in self.fixed.values()]) if learned else None
        self.log_variances = None if start is None else nn.Parameter(start)

    def forward(
        self, terms: Mapping[str, Term], totals: Mapping[str, float], share: float
    ) -> Tensor:
        """The part of the loss that one microbatch has.

        `totals` counts the elements of each term over all microbatches of the step, and `share`
        is this one's part of what is added once a step, so that the parts sum to the loss.
        """
        parts = []
        for index, name in enumerate(self.names):
            scale = 1.0 / totals[name] if totals[name] else 0.0
            if self.log_variances is not None:
                s = self.log_variances[index]
                parts.append(torch.exp(-s) * terms[name].sum.float() * scale + s * (share / 2))
            elif weight := self.fixed[name]:
                parts.append(terms[name].sum.float() * (scale * weight))
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum()

    def weights(self) -> dict[str, float]:
        """The weights as they are now."""
        if self.log_variances is None:
            return dict(self.fixed)
        learned: list[float] = torch.exp(-self.log_variances.detach()).tolist()
        return dict(zip(self.names, learned, strict=True))


def balance(losses: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    """The share of each term in the weighted loss."""
    sizes = {name: abs(weights[name] * loss) for name, loss in losses.items()}
    whole = sum(sizes.values())
    return {name: size / whole if whole else 0.0 for name, size in sizes.items()}

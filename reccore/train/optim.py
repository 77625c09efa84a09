"""AdamW with parameter groups that have rates and decays of their own.

AdamW: Loshchilov & Hutter (arXiv:1711.05101), torch's fused kernel. A task names its groups;
the settings may override each by name. A group `x_plain` (biases, norms, embeddings of `x`)
follows the rate of `x`, and has no decay unless its own name is given one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor, nn

from reccore.config import Settings
from reccore.errors import UserError
from reccore.train.task import ParameterGroup

OBJECTIVE = "objective"  # the group of learned loss weights
PLAIN = "_plain"


class GroupSettings(Settings):
    """What one parameter group has of its own."""

    lr: float | None = Field(None, ge=0, description="Rate; that of train.lr where absent.")
    weight_decay: float | None = Field(None, ge=0, description="Decay, where the group has one.")


@dataclass(frozen=True)
class Rule:
    """A group with its rate and decay resolved."""

    group: ParameterGroup
    lr: float
    weight_decay: float


def resolve_groups(
    groups: Sequence[ParameterGroup],
    overrides: Mapping[str, GroupSettings],
    lr: float,
    weight_decay: float,
) -> list[Rule]:
    """Rates and decays of the groups; a name in the settings that no group has is an error."""
    names = {group.name for group in groups}
    assert len(names) == len(groups), "parameter groups must have names of their own"
    known = sorted(names | {name.removesuffix(PLAIN) for name in names})
    if unknown := sorted(overrides.keys() - set(known)):
        raise UserError(
            f"train.groups names an unknown parameter group {unknown[0]!r}",
            "known: " + ", ".join(known),
        )
    rules = []
    for group in groups:
        own = overrides.get(group.name, GroupSettings())
        family = overrides.get(group.name.removesuffix(PLAIN), GroupSettings())
        decay = first(family.weight_decay, weight_decay) if group.decay else 0.0
        rules.append(
            Rule(group, first(own.lr, family.lr, lr), first(own.weight_decay, decay)),
        )
    return rules


def first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def assert_covered(module: nn.Module, groups: Sequence[ParameterGroup]) -> None:
    """Every trainable parameter is in exactly one group: none is forgotten silently."""
    grouped = [id(p) for group in groups for p in group.parameters]
    assert len(grouped) == len(set(grouped)), "a parameter is in two groups"
    forgotten = [
        n for n, p in module.named_parameters() if p.requires_grad and id(p) not in set(grouped)
    ]
    assert not forgotten, f"parameters in no group, and not frozen: {', '.join(forgotten)}"


def make_optimizer(rules: Sequence[Rule]) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        [
            {
                "params": list(rule.group.parameters),
                "lr": rule.lr,
                "weight_decay": rule.weight_decay,
                "name": rule.group.name,
            }
            for rule in rules
        ],
        fused=True,
    )


def gradient_norm(parameters: Sequence[nn.Parameter]) -> Tensor:
    """The 2-norm of all gradients together, before clipping."""
    return torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])


def clip(parameters: Sequence[nn.Parameter], limit: float, norm: Tensor) -> None:
    """Scale the gradients of norm `norm` down to `limit`."""
    torch.nn.utils.clip_grads_with_norm_(parameters, limit, norm)

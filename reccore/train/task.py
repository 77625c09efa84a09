"""The seam of the trainer: a Task knows the model and its losses, the loop knows the steps.

A Task owns a module. For the indices of a batch it prepares tensors (negatives, masks), and
says its named loss terms as *sums with counts*, so that accumulated batches of unequal size
give exactly the gradient of one large batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

Batch = Mapping[str, Any]


@dataclass(frozen=True)
class Term:
    """One loss term of one batch: the sum over its elements, and how many there were."""

    sum: Tensor  # scalar, with gradient
    count: float


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters with a rate and a decay of their own, relative to the settings' values."""

    name: str
    parameters: tuple[nn.Parameter, ...]
    decay: bool = True


class Task(ABC):
    """What `fit` trains. Subclasses live beside their models."""

    module: nn.Module
    rows: int  # how many training rows (users, interactions, ...) an epoch visits
    monitor: ClassVar[str] = "ndcg@10"  # the validation metric that picks the best epoch
    higher_is_better: bool = True

    @abstractmethod
    def prepare(self, rows: Tensor, generator: torch.Generator) -> Batch:
        """Tensors of one batch for the given row numbers [B]; all randomness from `generator`."""

    def counts(self, batch: Batch) -> dict[str, float]:
        """Elements of each term, known before the forward pass (needed when accumulating)."""
        return {name: float(batch["size"]) for name in self.term_names}

    @property
    @abstractmethod
    def term_names(self) -> tuple[str, ...]:
        """Names of the loss terms, in the order they are reported."""

    @abstractmethod
    def terms(self, batch: Batch) -> dict[str, Term]:
        """Forward pass under the caller's autocast: the named loss terms of this batch."""

    @abstractmethod
    def evaluate(self) -> dict[str, float]:
        """Validation metrics of the module as it is now; {} where nothing is held out."""

    def validation_loss(self) -> dict[str, float]:
        """Mean of each loss term over validation rows, to be set against the training loss.

        {} by default: not every loss is defined on held-out rows.
        """
        return {}

    def to(self, device: torch.device) -> None:
        """Move there before training. A task that keeps whole tensors moves them too."""
        self.module.to(device)

    def state_dict(self) -> dict[str, Any]:
        """Whatever else a resumed run needs (counters, mined negatives): plain types, tensors."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        assert not state

    def parameter_groups(self) -> Iterable[ParameterGroup]:
        """By default decay matrices, not biases, norms and embeddings."""
        return default_groups(self.module)

    def statistics(self) -> dict[str, float]:
        """Extra figures of the epoch that ended (negative mining, gates, ...), reset when read."""
        return {}


def default_groups(module: nn.Module, name: str = "main") -> list[ParameterGroup]:
    """Split a module's parameters by the usual decay rule."""
    embeddings = {
        id(p)
        for m in module.modules()
        if isinstance(m, nn.Embedding | nn.EmbeddingBag)
        for p in m.parameters(recurse=False)
    }
    trained = [p for p in module.parameters() if p.requires_grad]
    decayed = tuple(p for p in trained if p.ndim >= 2 and id(p) not in embeddings)
    plain = tuple(p for p in trained if p.ndim < 2 or id(p) in embeddings)
    groups = [ParameterGroup(name, decayed, True), ParameterGroup(f"{name}_plain", plain, False)]
    return [group for group in groups if group.parameters]

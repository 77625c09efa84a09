"""One optimizer step: accumulate microbatches, guard, clip, step at the scheduled rate.

The loss of a step is the sum over terms of weight * (sum over all its microbatches) / (count over
all of them), so microbatches of unequal size give exactly the gradient of one large batch.
What accumulation cannot make equal: BatchNorm statistics and in-batch negatives, which see one
microbatch at a time.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from reccore.data.seeds import derive
from reccore.errors import TrainingError
from reccore.train import optim
from reccore.train.average import heal_batch_norms
from reccore.train.objective import Objective
from reccore.train.precision import Caster, place
from reccore.train.randomness import reseed
from reccore.train.schedule import Plateau, factor_of
from reccore.train.settings import TrainSettings
from reccore.train.task import Batch, ParameterGroup, Task, Term


@dataclass(frozen=True)
class Outcome:
    """What a step came to."""

    good: bool  # a step was made
    loss: float
    sums: dict[str, float]  # of each term
    counts: dict[str, float]
    norm: float  # of the gradient, before clipping


class Stepper:
    """Owns all that a step changes but the module: optimizer, scaler, loss weights, rates."""

    def __init__(
        self,
        task: Task,
        settings: TrainSettings,
        steps_per_epoch: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.task, self.settings, self.seed, self.device = task, settings, seed, device
        self.names = task.term_names
        self.objective = Objective(settings.objective, self.names).to(device)
        groups = list(task.parameter_groups())
        optim.assert_covered(task.module, groups)
        self.parameters = [p for group in groups for p in group.parameters]
        if learned := tuple(self.objective.parameters()):  # of another scale: never clipped
            groups.append(ParameterGroup(optim.OBJECTIVE, learned, decay=False))
        self.rules = optim.resolve_groups(
            groups, settings.groups, settings.lr, settings.weight_decay
        )
        self.optimizer = optim.make_optimizer(self.rules)
        self.factor = factor_of(settings.schedule, steps_per_epoch, settings.epochs)
        self.plateau = Plateau(settings.schedule)
        self.caster = Caster(settings.precision, device)
        self.generator = torch.Generator()  # on the CPU: the same draws on every device
        self.count = 0  # steps made; bad ones do not move the schedule
        self.bad_run = 0  # bad steps in a row

    def step(self, window: Sequence[Tensor], epoch: int, first: int) -> Outcome:
        """One step on the microbatches of `window`, the first of which is number `first`."""
        batches = [self.prepare(rows, epoch, first + i) for i, rows in enumerate(window)]
        counts = [self.task.counts(batch) for batch in batches]
        totals = {name: sum(c[name] for c in counts) for name in self.names}
        figures = []  # of each microbatch: the sums of its terms, its loss [T + 1]
        for i, batch in enumerate(batches):
            reseed(derive(self.seed, "step", epoch, first + i), self.device)
            with self.caster.autocast():
                terms = self.task.terms(batch)
            check_counts(terms, counts[i])
            loss = self.objective(terms, totals, 1 / len(window))
            self.caster.scaler.scale(loss).backward()
            sums = [terms[name].sum.detach().float() for name in self.names]
            figures.append(torch.stack([*sums, loss.detach()]))
        return self._apply(torch.stack(figures).sum(0) if len(figures) > 1 else figures[0], totals)

    def prepare(self, rows: Tensor, epoch: int, index: int, purpose: str = "batch") -> Batch:
        self.generator.manual_seed(derive(self.seed, purpose, epoch, index))
        return place(self.task.prepare(rows, self.generator), self.device)

    def _apply(self, figures: Tensor, totals: dict[str, float]) -> Outcome:
        """The gradients are there: look at them, then step or leave it."""
        self._set_rates()
        self.caster.scaler.unscale_(self.optimizer)
        norm = optim.gradient_norm(self.parameters)
        *sums, loss, size = torch.cat([figures, norm.float()[None]]).tolist()  # the only sync
        finite = all(map(math.isfinite, (*sums, loss, size)))
        if finite and 0 < self.settings.clip_norm < size:
            optim.clip(self.parameters, self.settings.clip_norm, norm)
        good = self.caster.step(self.optimizer, finite)
        self.optimizer.zero_grad()
        outcome = Outcome(good, loss, dict(zip(self.names, sums, strict=True)), totals, size)
        self.count += good
        self.bad_run = 0 if good else self.bad_run + 1
        if not good:
            self._bear(outcome)
        return outcome

    def _set_rates(self) -> None:
        factor = self.factor(self.count) * self.plateau.scale
        for group, rule in zip(self.optimizer.param_groups, self.rules, strict=True):
            group["lr"] = rule.lr * factor

    def rates(self) -> dict[str, float]:
        """The rate of each group at the last step."""
        return {group["name"]: group["lr"] for group in self.optimizer.param_groups}

    def _bear(self, bad: Outcome) -> None:
        """Nothing was stepped: the loss or a gradient is not finite (in fp16, too large)."""
        heal_batch_norms(self.task.module)
        if self.bad_run >= self.settings.max_bad_steps:
            terms = ", ".join(f"{name} {value:g}" for name, value in bad.sums.items())
            raise TrainingError(
                f"{self.bad_run} steps in a row were not finite (after step {self.count}: "
                f"{terms}, gradient norm {bad.norm:g}); lower train.lr or train.clip_norm, set "
                "train.precision=fp32, or look for NaN in the data"
            )

    def _parts(self) -> dict[str, Any]:
        return {
            "objective": self.objective,
            "optimizer": self.optimizer,
            "scaler": self.caster.scaler,
            "plateau": self.plateau,
        }

    def state_dict(self) -> dict[str, Any]:
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {"count": self.count, "bad_run": self.bad_run, **parts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.count, self.bad_run = state["count"], state["bad_run"]
        for name, part in self._parts().items():
            part.load_state_dict(state[name])


def check_counts(terms: Mapping[str, Term], counts: Mapping[str, float]) -> None:
    """Counts said before the forward pass are those of the terms: the loss relies on it."""
    assert terms.keys() == counts.keys(), f"terms {[*terms]}, but counts of {[*counts]}"
    for name, term in terms.items():
        said, seen = counts[name], term.count
        assert math.isclose(said, seen), f"{name}: counts() says {said}, its term says {seen}"

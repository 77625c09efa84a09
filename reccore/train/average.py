"""Averaged weights, which often generalise better than the last ones.

EMA: an exponential average over steps, whose decay warms up as (1 + n) / (10 + n).
SWA: the mean over the last epochs (Izmailov et al., arXiv:1803.05407), for which BatchNorm
statistics are computed afresh, as those of the trained weights do not fit it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

from reccore.train.task import Batch, Task


class Average:
    """A second set of the floating-point state of a module: parameters and saved buffers."""

    def __init__(self, module: nn.Module, ema_decay: float, swa_first_epoch: float) -> None:
        self.ema_decay = ema_decay
        self.swa_first_epoch = swa_first_epoch  # in epochs from 0; infinite where there is no SWA
        self.updates = 0
        saved = module.state_dict(keep_vars=True)
        once = {id(t): name for name, t in reversed(saved.items()) if t.is_floating_point()}
        self._names = sorted(once.values())
        self._live = [saved[name].detach() for name in self._names]
        self._mean = [t.clone() for t in self._live] if self.enabled else []

    @property
    def enabled(self) -> bool:
        return self.ema_decay > 0 or math.isfinite(self.swa_first_epoch)

    @property
    def active(self) -> bool:
        """There is an average, and it is what counts."""
        return self.updates > 0

    def after_step(self) -> None:
        if self.ema_decay > 0:
            decay = min(self.ema_decay, (1 + self.updates) / (10 + self.updates))
            get_ema_multi_avg_fn(decay)(self._mean, self._live, None)  # type: ignore[no-untyped-call]
            self.updates += 1

    def after_epoch(self, epoch: int) -> None:
        """`epoch` (from 0) is done."""
        if epoch >= self.swa_first_epoch:
            get_swa_multi_avg_fn()(self._mean, self._live, self.updates)  # type: ignore[no-untyped-call]
            self.updates += 1

    @property
    def needs_statistics(self) -> bool:
        return self.active and self.ema_decay == 0

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The module holds the averaged state inside, its own again after."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        with torch.no_grad():
            for live, mean in zip(self._live, self._mean, strict=True):
                kept = live.clone()
                live.copy_(mean)
                mean.copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        means = dict(zip(self._names, self._mean, strict=True)) if self.enabled else {}
        return {"updates": self.updates, "mean": means}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.updates = state["updates"]
        if self.enabled:
            for name, mean in zip(self._names, self._mean, strict=True):
                mean.copy_(state["mean"][name])


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """The layers that keep running statistics."""
    norms = (m for m in module.modules() if isinstance(m, _BatchNorm))
    return [m for m in norms if m.track_running_stats]


@torch.no_grad()
def refresh_batch_norms(task: Task, batches: Iterable[Batch]) -> None:
    """Running statistics as the plain mean over `batches`, of the weights as they are now."""
    norms = batch_norms(task.module)
    kept = [(m.momentum, m.num_batches_tracked) for m in norms]
    for m in norms:
        m.num_batches_tracked = torch.zeros_like(m.num_batches_tracked)  # type: ignore[arg-type]
        m.reset_running_stats()
        m.momentum = None
    task.module.train()
    try:
        for batch in batches:
            task.terms(batch)
    finally:
        for m, (momentum, tracked) in zip(norms, kept, strict=True):
            m.momentum, m.num_batches_tracked = momentum, tracked


def heal_batch_norms(module: nn.Module) -> None:
    """Start running statistics again where a batch that was not finite has spoilt them."""
    for m in batch_norms(module):
        mean, var = m.running_mean, m.running_var
        assert isinstance(mean, Tensor)
        assert isinstance(var, Tensor)
        if not (torch.isfinite(mean).all() and torch.isfinite(var).all()):
            m.reset_running_stats()

"""What every model with gradients shares: a module, its weights by name, and a Task to train it."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from reccore.data.dataset import Dataset
from reccore.errors import UserError
from reccore.recommender import Arrays, Recommender
from reccore.train.task import Task

Validate = Callable[[], dict[str, float]]
M = TypeVar("M", bound=nn.Module)


@contextmanager
def inference(module: M) -> Iterator[M]:
    """Without dropout, batch statistics or gradients; as it was, after."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield module
    finally:
        module.train(training)


class NeuralRecommender(Recommender):
    """A recommender whose learned state is the state of a module."""

    module: nn.Module

    @property
    def device(self) -> torch.device:
        return next(self.module.parameters()).device

    @abstractmethod
    def task(self, data: Dataset, validate: Validate, seed: int) -> Task:
        """What the trainer trains. `validate` measures this model, as it is now, on validation."""

    def arrays(self) -> Arrays:
        return {name: t.detach().cpu().numpy() for name, t in self.module.state_dict().items()}

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        state = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        try:
            self.module.load_state_dict(state)
        except RuntimeError as error:
            detail = " ".join(str(error).split())[:200]
            raise UserError(f"these weights are of another model or setting: {detail}") from None
        self.module.eval()

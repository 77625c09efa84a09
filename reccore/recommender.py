"""What every fitted model can do, whoever trained it: score a catalogue for users."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from reccore.data.dataset import Dataset
from reccore.data.ids import Codes
from reccore.data.interactions import Floats, Histories, Times
from reccore.errors import UserError

if TYPE_CHECKING:
    from reccore.bundle.parts import Export

Arrays = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class UserBatch:
    """Users to answer: their codes (-1: unknown to the model) and what they have met so far.

    `now` is when they ask, for models that read it; None or `UNKNOWN` where nobody knows.
    """

    codes: Codes  # [B]
    histories: Histories  # [B] rows
    now: Times | None = None  # [B] seconds since the epoch

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: npt.NDArray[np.integer]) -> "UserBatch":
        """The chosen rows, in that order."""
        now = None if self.now is None else self.now[rows]
        return UserBatch(self.codes[rows], self.histories.take(rows), now)


class Recommender(ABC):
    """A model as evaluation, recommending and run folders see it."""

    from_history: ClassVar[bool] = False
    """True: scores come from the history, so users never seen in training are welcome."""
    rates: bool = False
    """True: `predict` gives ratings on the scale of the data."""

    @abstractmethod
    def score(self, users: UserBatch) -> Floats:
        """Scores of the whole catalogue, higher is better: [B, I]. Seen items included."""

    def predict(self, users: Codes, items: Codes) -> Floats:
        """Ratings of pairs: [N]. Only where `rates`."""
        raise TypeError(f"{type(self).__name__} does not predict ratings")

    @abstractmethod
    def arrays(self) -> Arrays:
        """Everything learned, by name: what `weights.safetensors` holds."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take back what `arrays` gave."""

    def export(self) -> "Export":
        """What a bundle needs to answer as this model does, without it."""
        raise UserError(f"{type(self).__name__} cannot be exported", "give it an `export` method")


class ClosedForm(Recommender):
    """A model that is computed or sampled, not trained by gradients."""

    @abstractmethod
    def fit(self, data: Dataset, seed: int) -> None:
        """Learn from training interactions only."""

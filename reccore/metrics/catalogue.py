"""What evaluation knows of the items: their features, and how popular they are in training."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reccore.data.dataset import Dataset, Table
from reccore.data.interactions import Histories
from reccore.metrics.calibration import Groups, popularity_groups, popularity_rank
from reccore.metrics.topk import pair_keys


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All items a model may list, known from the training part alone."""

    items: Table
    popularity: npt.NDArray[np.int64]  # [I] training interactions

    @classmethod
    def of(cls, training: Dataset) -> "Catalogue":
        """From a data set whose interactions are the training rows."""
        counts = np.bincount(training.interactions.items, minlength=len(training.items))
        return cls(training.items, counts)

    def __len__(self) -> int:
        return len(self.popularity)

    @cached_property
    def rank(self) -> npt.NDArray[np.int64]:
        return popularity_rank(self.popularity)

    @cached_property
    def groups(self) -> Groups:
        return popularity_groups(self.popularity)

    def kinds(self, feature: str) -> Histories | None:
        """Distinct words of each item's feature (its genres, say): [I] rows, or None."""
        bags = self.items.features.get(feature)
        if bags is None:
            return None
        vocabulary = max(1, len(bags.vocabulary))
        keys = pair_keys(Histories(bags.offsets, bags.words), vocabulary)
        counts = np.bincount(keys // vocabulary, minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Histories(offsets, (keys % vocabulary).astype(np.int32))

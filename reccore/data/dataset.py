"""A data set: interactions with what is known about its users and items."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from reccore.data.ids import Codes, IdMap
from reccore.data.interactions import Histories, Interactions


@dataclass(frozen=True, eq=False)
class Bags:
    """One feature of every row: a bag of words from a vocabulary (a category is a bag of one).

    Row r holds `words[offsets[r]:offsets[r + 1]]`, codes into `vocabulary`.
    """

    vocabulary: tuple[str, ...]
    offsets: npt.NDArray[np.int64]  # [R + 1]
    words: Codes  # [nnz]

    def multi_hot(self, codes: Codes | None = None) -> npt.NDArray[np.float32]:
        """[R, V], 1 where the row has the word; of the chosen rows, or of all."""
        if codes is not None:
            chosen = Histories(self.offsets, self.words).take(codes)
            return Bags(self.vocabulary, chosen.offsets, chosen.items).multi_hot()
        rows = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        dense = np.zeros((len(self.offsets) - 1, len(self.vocabulary)), dtype=np.float32)
        dense[rows, self.words] = 1.0
        return dense


@dataclass(frozen=True, eq=False)
class Table:
    """What is known of users or items: ids, optional titles, named features; a row a code."""

    ids: IdMap
    titles: tuple[str, ...] | None = None
    features: Mapping[str, Bags] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Interactions under the id maps of `users` and `items`. Models see the training one only."""

    name: str
    interactions: Interactions
    users: Table
    items: Table
    licence: str = "not stated"
    source: str = ""

    def with_interactions(self, interactions: Interactions) -> "Dataset":
        return replace(self, interactions=interactions)

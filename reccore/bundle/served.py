"""A bundle as evaluation sees it: the scores of what it would answer."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from reccore.bundle.bundle import FEWEST, Bundle
from reccore.bundle.diversity import diversify
from reccore.data.ids import Codes
from reccore.data.interactions import Floats
from reccore.recommender import Arrays, Recommender, UserBatch


class Served(Recommender):
    """Index, re-ranker, removed items and diversity as one.

    Where any of them has a say, the first `depth` items have the scores that keep their order and
    the others have none (-inf).
    """

    def __init__(
        self,
        bundle: Bundle,
        codes: Codes | None = None,
        items: int | None = None,
        depth: int = FEWEST,
    ) -> None:
        """`codes`: the bundle's code of each user code it is asked about, -1 where it has none.

        `items`: score the first so many alone, those that were there when the model was trained.
        """
        self.bundle, self.codes = bundle, codes
        self.size = len(bundle.items) if items is None else items
        self.depth = max(depth, FEWEST)
        self.rates = bundle.scorer.rates
        self.share = float(bundle.manifest["served"]["diversity"])

    def score(self, users: UserBatch) -> Floats:
        bundle = self.bundle
        batch = replace(users, codes=self._own(users.codes))
        plain = bundle.index is None and bundle.offered is None and not self.share
        scores = self.bundle.scorer.score(batch)[:, : self.size] if plain else self._found(batch)
        if bundle.scorer.from_history:  # the popular is all that can be said to who has none
            scores[batch.histories.lengths == 0] = bundle.popularity[: self.size]
        return scores

    def _found(self, batch: UserBatch) -> Floats:
        inside = np.arange(len(self.bundle.items)) < self.size
        depth = min(self.depth, self.size)
        items, best = self.bundle.best(batch, depth, None if inside.all() else inside)
        scores = np.full((len(batch), self.size), -np.inf, dtype=np.float32)
        for row in range(len(batch)):
            codes = items[row][items[row] >= 0]
            worth = best[row, : len(codes)]
            if self.share and len(codes):
                order, _ = diversify(worth, self.bundle.kinds_of(codes), depth, self.share)
                codes, worth = codes[order], np.arange(len(order), 0, -1, dtype=np.float32)
            scores[row, codes] = worth
        return scores

    def predict(self, users: Codes, items: Codes) -> Floats:
        return self.bundle.scorer.predict(self._own(users), items)

    def _own(self, codes: Codes) -> Codes:
        return codes if self.codes is None else np.where(codes < 0, -1, self.codes[codes])

    def arrays(self) -> Arrays:
        return self.bundle.scorer.arrays()

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        raise TypeError("a bundle is opened, not restored")

"""A bundle as evaluation sees it: the scores of what it would answer, diversity included."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from reccore.bundle.bundle import FEWEST, Bundle
from reccore.bundle.diversity import diversify
from reccore.bundle.scorers import lift
from reccore.data.ids import Codes
from reccore.data.interactions import Floats
from reccore.metrics.topk import top_k
from reccore.recommender import Arrays, Recommender, UserBatch


class Served(Recommender):
    """Candidates, re-ranker and diversity as one: the answer's items lifted above the rest."""

    def __init__(self, bundle: Bundle, codes: Codes | None = None) -> None:
        """`codes`: the bundle's code of each user code it is asked about, -1 where it has none."""
        self.bundle, self.codes = bundle, codes
        self.rates = bundle.scorer.rates

    def score(self, users: UserBatch) -> Floats:
        scores = self.bundle.scorer.score(UserBatch(self._own(users.codes), users.histories))
        if not self.bundle.scorer.from_history:
            return scores
        empty = users.histories.lengths == 0
        scores[empty] = self.bundle.popularity
        share = self.bundle.manifest["served"]["diversity"]
        return self._diverse(scores, users, share) if share else scores

    def _diverse(self, scores: Floats, users: UserBatch, share: float) -> Floats:
        pool = min(FEWEST, scores.shape[1])
        codes, best = top_k(scores, users.histories, pool)
        after = np.full_like(best, -np.inf)
        for row in range(len(users)):
            real = codes[row] >= 0
            if real.any():
                order, _ = diversify(
                    best[row][real], self.bundle.kinds[codes[row][real]], pool, share
                )
                after[row, order] = np.arange(pool, pool - len(order), -1)
        return lift(scores, np.maximum(codes, 0).astype(np.int64), after, codes >= 0)

    def predict(self, users: Codes, items: Codes) -> Floats:
        return self.bundle.scorer.predict(self._own(users), items)

    def _own(self, codes: Codes) -> Codes:
        return codes if self.codes is None else np.where(codes < 0, -1, self.codes[codes])

    def arrays(self) -> Arrays:
        return self.bundle.scorer.arrays()

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        raise TypeError("a bundle is opened, not restored")

"""Accuracy of ranked lists, per user: pure functions of which places hit.

Every function takes `hits` [U, k] (the item at that place is relevant) and `n_relevant` [U]
(how many relevant items the user has in all), and returns [U] in [0, 1]; a user without
relevant items gets 0. Definitions and names follow trec_eval where it has them: plain recall
is over n, plain precision over k, and NDCG's ideal list has min(k, n) hits (Järvelin and
Kekäläinen 2002, doi:10.1145/582415.582418). `recall_capped` is over min(k, n), as in Liang et
al. 2018 (arXiv:1802.05814); so is `map`, where trec_eval's cut MAP divides by n.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from reccore.data.interactions import Histories
from reccore.metrics.topk import Items, contains, pair_keys

Hits = npt.NDArray[np.bool_]  # [U, k]
Counts = npt.NDArray[np.int64]  # [U]
PerUser = npt.NDArray[np.float64]  # [U]
Numbers = npt.NDArray[np.float64] | npt.NDArray[np.int64]  # [U]


def relevance(items: Items, targets: Histories, catalogue: int) -> tuple[Hits, Counts]:
    """Which listed items [U, k] are targets of their user, and how many distinct targets [U]."""
    keys = pair_keys(targets, catalogue)
    n_relevant = np.bincount(keys // catalogue, minlength=len(targets))
    return contains(keys, items, catalogue), n_relevant


def ndcg(hits: Hits, n_relevant: Counts) -> PerUser:
    """Discounted gain, 1/log2(place + 1) a hit, over that of the ideal list."""
    k = hits.shape[1]
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(n_relevant, k)]
    gain = np.cumsum(hits * discounts, axis=1)[:, -1]  # adds as the ideal does: at best exactly 1
    return _over(gain, ideal)


def recall(hits: Hits, n_relevant: Counts) -> PerUser:
    """The share of relevant items that are listed."""
    return _over(hits.sum(axis=1), n_relevant)


def recall_capped(hits: Hits, n_relevant: Counts) -> PerUser:
    """Listed relevant items over the most a list of k could hold."""
    return _over(hits.sum(axis=1), np.minimum(n_relevant, hits.shape[1]))


def precision(hits: Hits, n_relevant: Counts) -> PerUser:
    """The share of the k places that hit, whether or not the user has k relevant items."""
    share: PerUser = hits.sum(axis=1) / hits.shape[1]
    return share


def hit(hits: Hits, n_relevant: Counts) -> PerUser:
    """1 where any place hits."""
    found: PerUser = np.where(hits.any(axis=1), 1.0, 0.0)
    return found


def mrr(hits: Hits, n_relevant: Counts) -> PerUser:
    """1 / the first place that hits."""
    first: PerUser = np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1), 0.0)
    return first


def average_precision(hits: Hits, n_relevant: Counts) -> PerUser:
    """The sum of precision at each place that hits, over min(k, n)."""
    k = hits.shape[1]
    at_place = np.cumsum(hits, axis=1) / np.arange(1, k + 1)
    return _over((at_place * hits).sum(axis=1), np.minimum(n_relevant, k))


def _over(numerator: Numbers, denominator: Numbers) -> PerUser:
    zero = np.zeros(len(numerator), dtype=np.float64)
    return np.divide(numerator, denominator, out=zero, where=denominator != 0)


RANKING: Mapping[str, Callable[[Hits, Counts], PerUser]] = {
    "ndcg": ndcg,
    "recall": recall,
    "recall_capped": recall_capped,
    "precision": precision,
    "hit": hit,
    "mrr": mrr,
    "map": average_precision,
}

"""Popularity calibration: does a list hold popular and rare items as the user's history does?

The items are cut into head, mid and tail by their share of the training interactions (20%,
60%, 20%), as Abdollahpouri et al. 2021 do (arXiv:2103.06364). The divergence of a list from a
history is Steck's (2018, doi:10.1145/3240323.3240372): KL(p || q') with
q' = (1 - a) q + a p, a = 0.01, natural logarithm; 0 is perfectly calibrated.
"""

import numpy as np
import numpy.typing as npt

from reccore.data.interactions import Histories
from reccore.metrics.ranking import PerUser
from reccore.metrics.topk import Items

Groups = npt.NDArray[np.int64]  # [I] 0 head, 1 mid, 2 tail

POPULARITY_GROUPS = ("head", "mid", "tail")
HEAD, TAIL = 0.2, 0.2  # shares of the interactions
SMOOTHING = 0.01


def popularity_rank(popularity: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """[I] place of each item by popularity, 0 the most popular; ties by code ascending."""
    rank = np.empty(len(popularity), dtype=np.int64)
    rank[np.argsort(-popularity, kind="stable")] = np.arange(len(popularity))
    return rank


def popularity_groups(popularity: npt.NDArray[np.int64]) -> Groups:
    """Head: the most popular items until they hold 20% of interactions; tail: the last 20%."""
    order = np.argsort(-popularity, kind="stable")
    total = max(1, int(popularity.sum()))
    held = np.cumsum(popularity[order])  # by an item and all more popular ones
    in_head = (held - popularity[order]) / total < HEAD
    in_tail = held / total > 1 - TAIL
    groups = np.empty(len(popularity), dtype=np.int64)
    groups[order] = np.where(in_head, 0, np.where(in_tail, 2, 1))
    return groups


def popularity_calibration(items: Items, histories: Histories, groups: Groups) -> PerUser:
    """Divergence of each list [U, k] from its user's history; NaN where there is no history."""
    p = _mix(histories.row_of, groups[histories.items], len(histories))
    row_of, place = np.nonzero(items >= 0)
    q = _mix(row_of, groups[items[row_of, place]], len(items))
    smooth = (1 - SMOOTHING) * q + SMOOTHING * p
    ratio = np.divide(p, smooth, out=np.ones_like(p), where=p > 0)
    divergence = (p * np.log(ratio)).sum(axis=1)
    return np.where(histories.lengths > 0, np.maximum(divergence, 0.0), np.nan)


def _mix(
    row_of: npt.NDArray[np.int64], group: npt.NDArray[np.int64], rows: int
) -> npt.NDArray[np.float64]:
    """Shares of the groups in each row: [rows, 3], zeros where a row is empty."""
    size = len(POPULARITY_GROUPS)
    counts = np.bincount(row_of * size + group, minlength=rows * size).reshape(rows, size)
    shares: npt.NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares

"""Qualities of lists beyond accuracy: diverse, novel, serendipitous, spread over the catalogue.

`items` [U, k] are listed codes, -1 where a list ends early; a quality of an empty list is 0.
"""

import numpy as np
import numpy.typing as npt

from reccore.data.interactions import Histories
from reccore.metrics.ranking import Hits, PerUser
from reccore.metrics.topk import Items, pair_keys


def diversity(items: Items, kinds: Histories) -> PerUser:
    """Mean pairwise 1 - cosine of the items' kinds, say genres (Ziegler et al. 2005).

    `kinds` [I] has each item's distinct words. Items without a word resemble no other.
    The sum of all pairwise cosines is (|sum of unit vectors|^2 - number of them) / 2, so only
    the words of listed items are touched, whatever the size of the vocabulary.
    """
    listed = items >= 0
    words = kinds.take(items[listed])
    lists = np.repeat(np.nonzero(listed)[0], words.lengths)  # the list of each word
    unit = 1.0 / np.sqrt(np.maximum(words.lengths, 1))
    vocabulary = int(words.items.max(initial=0)) + 1
    keys, entry = np.unique(lists * vocabulary + words.items, return_inverse=True)
    sums = np.bincount(entry, np.repeat(unit, words.lengths), minlength=len(keys))
    square = np.bincount(keys // vocabulary, sums**2, minlength=len(items))
    units = np.bincount(np.nonzero(listed)[0][words.lengths > 0], minlength=len(items))
    count = listed.sum(axis=1)
    pairs = count * (count - 1) / 2
    cosine = np.where(pairs > 0, (square - units) / 2 / np.maximum(pairs, 1), 1.0)
    result: PerUser = np.clip(1.0 - cosine, 0.0, 1.0)
    return result


def novelty(items: Items, popularity: npt.NDArray[np.int64]) -> PerUser:
    """Mean -log2 of the items' shares of training interactions (Zhou et al. 2010), in bits.

    An item nobody has met counts as met once.
    """
    share = np.maximum(popularity, 1) / max(1, int(popularity.sum()))
    return _mean_over_list(-np.log2(share)[items], items)


def serendipity(
    items: Items, hits: Hits, histories: Histories, popularity_rank: npt.NDArray[np.int64]
) -> PerUser:
    """The share of the k places that are relevant and unexpected (Ge et al. 2010).

    Expected is what the popularity model would list for the same user: the k most popular
    items without the seen ones. An item is there when fewer than k unseen ones are more popular.
    """
    rows, k = items.shape
    catalogue = len(popularity_rank)
    seen = pair_keys(
        Histories(histories.offsets, popularity_rank[histories.items].astype(np.int32)), catalogue
    )
    start = np.arange(rows)[:, None] * catalogue  # [U, 1]
    rank = popularity_rank[items]  # [U, k]; the rank of padding is of no use, nor used
    seen_above = np.searchsorted(seen, start + rank) - np.searchsorted(seen, start)
    unexpected = rank - seen_above >= k
    surprises: PerUser = (hits & unexpected).sum(axis=1) / k
    return surprises


def exposure(items: Items, catalogue: int) -> npt.NDArray[np.int64]:
    """How many lists each item is in: [I]."""
    return np.bincount(items[items >= 0], minlength=catalogue)


def coverage(exposed: npt.NDArray[np.int64]) -> float:
    """The share of the catalogue that is in at least one list."""
    return float((exposed > 0).mean())


def gini(exposed: npt.NDArray[np.int64]) -> float:
    """Inequality of exposure over the whole catalogue: 0 all alike, towards 1 a single item."""
    n, total = len(exposed), exposed.sum()
    if total == 0:
        return 0.0
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float((weights * np.sort(exposed)).sum() / (n * total))


def _mean_over_list(values: npt.NDArray[np.float64], items: Items) -> PerUser:
    listed = items >= 0
    mean: PerUser = np.where(listed, values, 0.0).sum(axis=1) / np.maximum(listed.sum(axis=1), 1)
    return mean

"""Maximal marginal relevance (Carbonell & Goldstein 1998): variety, and what it costs."""

from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.data.interactions import Floats


def relevance(scores: Floats) -> Floats:
    """Scores of candidates, best first, as shares of the range from the last to the first: [N]."""
    span = float(scores[0] - scores[-1])
    shares: Floats = (scores - scores[-1]) / span if span > 0 else np.ones_like(scores)
    return shares


def diversify(
    scores: Floats, vectors: Floats, k: int, diversity: float
) -> tuple[npt.NDArray[np.int64], float]:
    """Which candidates to take, in order, and the share of relevance that is kept.

    `scores` [N] best first, `vectors` [N, d]: two items are alike by the cosine of theirs. Each
    step takes the most of (1 - diversity) * relevance - diversity * likeness to what was taken.
    """
    worth = relevance(scores)
    k = min(k, len(scores))
    if diversity <= 0:
        return np.arange(k), 1.0
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    closest: npt.NDArray[Any] = np.zeros(len(scores))
    left = np.ones(len(scores), dtype=bool)
    taken: list[int] = []
    for _ in range(k):
        marginal = np.where(left, (1 - diversity) * worth - diversity * closest, -np.inf)
        best = int(marginal.argmax())
        taken.append(best)
        left[best] = False
        closest = np.maximum(closest, units @ units[best])
    best_sum = float(worth[:k].sum())
    kept = float(worth[taken].sum()) / best_sum if best_sum > 0 else 1.0
    return np.array(taken), kept

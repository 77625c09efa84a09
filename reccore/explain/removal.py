"""Which items of a history speak for a recommendation: those without which it would score less.

Each item of the history is left out in turn and the shown items are scored again, by the very
model that chose them: a counterfactual, not an attention map, which need not say what mattered
(Jain & Wallace 2019, arXiv:1902.10186).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reccore.bundle.scorer import Scorer, Vectors
from reccore.data.ids import Codes
from reccore.data.interactions import Floats
from reccore.recommender import UserBatch

LATEST = 50  # items of the history that are left out in turn


@dataclass(frozen=True)
class Evidence:
    """Of one shown item: history items, the strongest first, and their shares of all evidence."""

    codes: Codes
    shares: Floats


def evidence(scorer: Scorer, user: UserBatch, shown: Codes, most: int = 3) -> list[Evidence]:
    """Of one user, for each item of `shown`; empty where no item of the history speaks for it."""
    drops, met = removal(scorer, user, shown)
    found = []
    for row in drops:
        weight = np.maximum(row, 0)
        order = np.argsort(-weight, kind="stable")[:most]
        order = order[weight[order] > 0]
        found.append(Evidence(met[order], (weight[order] / weight.sum()).astype(np.float32)))
    return found


def removal(scorer: Scorer, user: UserBatch, shown: Codes) -> tuple[Floats, Codes]:
    """By how much each shown item's score falls without each item: [S, H]; and those items [H]."""
    assert len(user) == 1, "one user at a time"
    whole = user.histories.row(0)
    met = np.array(list(dict.fromkeys(whole[::-1].tolist()))[:LATEST][::-1], dtype=np.int32)
    if not len(met) or not len(shown):
        return np.zeros((len(shown), len(met)), np.float32), met
    rows = [np.ones(len(whole), dtype=np.bool_), *(whole != item for item in met)]
    scores = _of_shown(scorer, _variants(user, rows), shown)
    drops: Floats = (scores[:1] - scores[1:]).T
    return drops, met


def _variants(user: UserBatch, rows: list[npt.NDArray[np.bool_]]) -> UserBatch:
    """The user with each of these parts of the history."""
    count = len(rows)
    kept = np.concatenate(rows)
    histories = user.histories.take(np.zeros(count, dtype=np.int64))
    histories = histories.where(kept, histories.items)
    now = None if user.now is None else np.repeat(user.now, count)
    return UserBatch(np.repeat(user.codes, count), histories, now)


def _of_shown(scorer: Scorer, users: UserBatch, shown: Codes) -> Floats:
    if isinstance(scorer, Vectors):
        scores: Floats = scorer.user_vectors(users) @ np.asarray(scorer.item_vectors[shown]).T
        return scores
    return scorer.score(users)[:, shown]

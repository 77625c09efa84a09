"""For whom, and with which items, a model works: tables by user history and item popularity.

User groups: thirds by length of history (`history:short`, `history:medium`, `history:long`).
Item groups: head, mid and tail of the training popularity (see `calibration`): the share of
listed places each group gets, and the recall of the relevant items that are in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reccore.data.interactions import Histories
from reccore.metrics.calibration import POPULARITY_GROUPS, Groups
from reccore.metrics.intervals import Metric, means
from reccore.metrics.ranking import Hits, PerUser
from reccore.metrics.topk import Items, pair_keys

GroupTable = dict[str, dict[str, Metric]]  # group -> metric -> figure

HISTORY_GROUPS = ("short", "medium", "long")


def by_history(
    lengths: npt.NDArray[np.int64], per_user: Mapping[str, PerUser], resamples: int, seed: int
) -> GroupTable:
    """Every per-user metric by thirds of history length; ties stay together, in the lower third."""
    third = np.searchsorted(np.quantile(lengths, [1 / 3, 2 / 3]), lengths, side="left")
    table: GroupTable = {}
    for number, name in enumerate(HISTORY_GROUPS):
        members = third == number
        if members.any():
            chosen = {metric: values[members] for metric, values in per_user.items()}
            table[f"history:{name}"] = {
                "users": Metric(float(members.sum())),
                "shortest": Metric(float(lengths[members].min())),
                "longest": Metric(float(lengths[members].max())),
                **means(chosen, resamples, seed),
            }
    return table


@dataclass(frozen=True, eq=False)
class PopularityTable:
    """Item groups' figures of each user: [U] by (group, metric)."""

    per_user: dict[tuple[str, str], PerUser]

    @classmethod
    def of(
        cls, items: Items, hits: Hits, targets: Histories, groups: Groups, ks: tuple[int, ...]
    ) -> "PopularityTable":
        """From lists [U, k >= max(ks)] and their hits."""
        keys = pair_keys(targets, len(groups))
        target_row, target_group = keys // len(groups), groups[keys % len(groups)]
        item_group = np.where(items >= 0, groups[items], -1)
        per_user = {}
        for number, name in enumerate(POPULARITY_GROUPS):
            relevant = np.bincount(target_row[target_group == number], minlength=len(items))
            inside = item_group == number
            for k in ks:
                listed = (items[:, :k] >= 0).sum(axis=1)
                found = (inside & hits)[:, :k].sum(axis=1)
                per_user[name, f"share@{k}"] = _ratio(inside[:, :k].sum(axis=1), listed)
                per_user[name, f"recall@{k}"] = _ratio(found, relevant)
        return cls(per_user)

    @classmethod
    def concatenate(cls, parts: "list[PopularityTable]") -> "PopularityTable":
        names = parts[0].per_user
        return cls(
            {name: np.concatenate([part.per_user[name] for part in parts]) for name in names}
        )

    def summary(
        self, popularity: npt.NDArray[np.int64], groups: Groups, resamples: int, seed: int
    ) -> GroupTable:
        """With each group's size and its share of the training interactions."""
        flat = {f"{group} {metric}": of for (group, metric), of in self.per_user.items()}
        figures = means(flat, resamples, seed)
        total = max(1, int(popularity.sum()))
        table: GroupTable = {}
        for number, name in enumerate(POPULARITY_GROUPS):
            members = groups == number
            if members.any():
                table[f"items:{name}"] = {
                    "items": Metric(float(members.sum())),
                    "training_share": Metric(float(popularity[members].sum() / total)),
                    **{
                        metric: figures[f"{name} {metric}"]
                        for group, metric in self.per_user
                        if group == name and f"{name} {metric}" in figures
                    },
                }
        return table


def _ratio(numerator: npt.NDArray[np.int64], denominator: npt.NDArray[np.int64]) -> PerUser:
    """NaN (not defined) where the denominator is 0."""
    undefined = np.full(len(numerator), np.nan)
    ratio: PerUser = np.divide(numerator, denominator, out=undefined, where=denominator > 0)
    return ratio

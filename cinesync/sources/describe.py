"""A data set in figures, for people and for programs."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.data.dataset import Dataset, Table

QUANTILES = {"min": 0.0, "25%": 0.25, "median": 0.5, "75%": 0.75, "95%": 0.95, "max": 1.0}
FEW = 20  # so many different values are counted one by one


def describe(dataset: Dataset) -> dict[str, Any]:
    """Plain values only: ready for JSON."""
    rows = dataset.interactions
    users, items = len(dataset.users), len(dataset.items)
    return {
        "name": dataset.name,
        "licence": dataset.licence,
        "source": dataset.source,
        "fingerprint": rows.fingerprint,
        "rows": len(rows),
        "users": users,
        "items": items,
        "density": len(rows) / max(1, users * items),
        "rows_per_user": _quantiles(np.bincount(rows.users, minlength=users)),
        "rows_per_item": _quantiles(np.bincount(rows.items, minlength=items)),
        "values": None if rows.values is None else _histogram(rows.values),
        "mean_value": None if rows.values is None else float(rows.values.mean(dtype=np.float64)),
        "time": None if rows.timestamps is None else _range(rows.timestamps),
        "order": rows.order is not None,
        "user_features": _features(dataset.users),
        "item_features": _features(dataset.items),
        "titles": dataset.items.titles is not None,
    }


def _quantiles(counts: npt.NDArray[np.int64]) -> dict[str, float]:
    return {name: float(np.quantile(counts, q)) for name, q in QUANTILES.items()}


def _histogram(values: npt.NDArray[np.float32]) -> dict[str, int]:
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= FEW:
        return {f"{value:g}": int(n) for value, n in zip(distinct, counts, strict=True)}
    counts, edges = np.histogram(values, bins=10)
    names = (f"{low:g} to {high:g}" for low, high in pairwise(edges))
    return dict(zip(names, counts.tolist(), strict=True))


def _range(seconds: npt.NDArray[np.int64]) -> dict[str, str]:
    first, last = (datetime.fromtimestamp(int(s), UTC) for s in (seconds.min(), seconds.max()))
    return {"first": first.isoformat(), "last": last.isoformat()}


def _features(table: Table) -> dict[str, int]:
    return {name: len(bags.vocabulary) for name, bags in table.features.items()}

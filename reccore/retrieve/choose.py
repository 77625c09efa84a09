"""Which index: by size, then by what was measured. Recall against exact is always reported.

Below about 100,000 items exact search answers in a millisecond and there is nothing to tune.
Above, inverted lists come first: they are built in seconds, and visiting more of them buys recall
in small steps. The graph is tried when lists miss the target. If both do, the answer is exact
search, and the report says so.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from reccore.config import Settings
from reccore.data.interactions import Floats
from reccore.errors import UserError
from reccore.metrics.topk import Items
from reccore.retrieve.exact import Part
from reccore.retrieve.hnsw import Hnsw
from reccore.retrieve.index import Index, finite
from reccore.retrieve.ivf import Ivf
from reccore.retrieve.recall import Measured, measure, sample_queries

K = 10
FLAT_BELOW = 100_000
MOST_VISITED = 4  # lists beyond a quarter of them: exact search is as fast
SURE = 1.64  # standard errors: the target is met with 95% confidence, not by luck of the sample
WIDEST = 512  # a walk that keeps more candidates loses to lists
LEAST_PER_LIST = 8

Count = Annotated[int, Field(ge=1)]


class RetrieveSettings(Settings):
    """How to retrieve. `lists`, `probes` and `ef` are found by measuring where they are None."""

    kind: Literal["auto", "flat", "ivf", "hnsw"] = "auto"
    recall: float = Field(default=0.99, gt=0, le=1)  # recall@10 against exact
    lists: Count | None = None  # cells; by default about 4 sqrt(items), a power of two
    probes: Count | None = None  # cells visited a query
    m: Annotated[int, Field(ge=2, le=128)] = 16  # links a vector of the graph
    ef: Count | None = None  # candidates kept while walking it
    sample: Annotated[int, Field(ge=2)] = 1000  # queries: half choose, half report


@dataclass(frozen=True)
class Report:
    """What was chosen, on queries that had no part in choosing; and what was tried before."""

    chosen: Measured
    target: float
    met: bool
    build_seconds: float
    tried: tuple[Measured, ...]  # on the other half of the queries

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def choose(
    vectors: npt.ArrayLike,
    settings: RetrieveSettings,
    seed: int,
    queries: npt.ArrayLike | None = None,
) -> tuple[Index, Report]:
    """Build the index that meets `settings.recall` soonest, for `vectors` [I, d], codes 0..I-1.

    `queries` [Q, d] should be what the index will be asked (users' vectors); without them
    items' own vectors with noise stand in, and recall is a guess at best.
    """
    items = finite(vectors, "an item's vector")
    asked = None if queries is None else finite(queries, "a query")
    if asked is not None and (len(asked) < 2 or asked.shape[1] != items.shape[1]):
        raise UserError(
            f"the sample of queries is {list(asked.shape)}",
            f"give 2 or more, each of {items.shape[1]} numbers, or none",
        )
    return choose_for(Part.of(items), settings, seed, asked)


def choose_for(
    base: Part,
    settings: RetrieveSettings,
    seed: int,
    queries: Floats | None = None,
    count: int | None = None,
) -> tuple[Index, Report]:
    """`choose` for vectors whose codes have gaps; `count` codes have been given in all."""
    flat = Index(base, count=count)
    small = settings.kind == "auto" and len(base) < FLAT_BELOW
    sample = (
        sample_queries(base.vectors, settings.sample, seed, queries)
        if len(base)
        else np.empty((0, flat.dim), np.float32)
    )
    if settings.kind == "flat" or small or len(sample) < 2:
        return flat, Report(_exact(flat, sample), settings.recall, True, 0.0, ())
    mine, others = sample[::2], sample[1::2]
    truth = flat.search(mine, K)[0]
    tried: list[Measured] = []
    for kind in ("ivf", "hnsw") if settings.kind == "auto" else (settings.kind,):
        built, seconds = _built(kind, flat, settings, seed)
        for trial in _wider(built, settings, mine, truth):
            tried.append(trial)
            if trial.recall - SURE * trial.recall_error >= settings.recall:
                return built, _report(built, others, settings, seconds, tried, met=True)
    if settings.kind != "auto":
        return built, _report(built, others, settings, seconds, tried, met=False)
    return flat, Report(_exact(flat, others), settings.recall, True, 0.0, tuple(tried))


def _report(
    index: Index,
    queries: Floats,
    settings: RetrieveSettings,
    seconds: float,
    tried: list[Measured],
    *,
    met: bool,
) -> Report:
    return Report(measure(index, queries, K), settings.recall, met, seconds, tuple(tried))


def _exact(flat: Index, queries: Floats) -> Measured:
    """Exact search needs no truth: its recall is 1."""
    if len(queries) == 0:
        return Measured(flat.kind, {}, len(flat), 0, K, 1.0, 0.0, 0.0, flat.bytes)
    few = queries[: max(1, 10_000_000 // max(1, len(flat)))]  # its speed shows in a few
    empty = np.full((len(few), K), -1, np.int32)
    return replace(measure(flat, few, K, empty), recall=1.0, recall_error=0.0)


def _built(kind: str, flat: Index, settings: RetrieveSettings, seed: int) -> tuple[Index, float]:
    vectors, began = flat.base.vectors, time.perf_counter()
    structure: Ivf | Hnsw
    if kind == "ivf":
        lists = min(settings.lists or lists_for(len(flat)), len(flat))
        structure = Ivf.build(vectors, lists, min(settings.probes or 1, lists), seed)
    else:
        structure = Hnsw.build(vectors, settings.m, settings.ef or K)
    return Index(flat.base, structure, count=flat.count), time.perf_counter() - began


def lists_for(items: int) -> int:
    """The power of two nearest to 4 sqrt(items), with some vectors in each list."""
    wanted = min(4 * items**0.5, items / LEAST_PER_LIST)
    return max(1, 1 << round(float(np.log2(max(1.0, wanted)))))


def _wider(
    index: Index, settings: RetrieveSettings, queries: Floats, truth: Items
) -> Iterator[Measured]:
    """Measurements at growing effort; the index stays at the last one asked for."""
    structure = index.structure
    if isinstance(structure, Ivf):
        lists = structure.parameters["lists"]
        most = max(1, lists // MOST_VISITED)
        for probes in [settings.probes] if settings.probes else steps(1, most):
            structure.probe(min(probes, lists))
            yield measure(index, queries, K, truth)
    elif isinstance(structure, Hnsw):
        for ef in [settings.ef] if settings.ef else steps(K, WIDEST):
            structure.widen(ef)
            yield measure(index, queries, K, truth)


def steps(first: int, last: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, ... times `first`, not beyond `last`."""
    found, power = {first}, 1
    while first * power <= last:
        found |= {first * power, first * power * 3 // 2 if power > 1 else first}
        power *= 2
    return sorted(step for step in found if step <= last)

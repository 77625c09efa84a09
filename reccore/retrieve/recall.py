"""What an approximate index costs in answers and gains in time: recall and speed, measured."""

import time
from dataclasses import asdict, dataclass

import numpy as np

from reccore.data.interactions import Floats
from reccore.data.seeds import rng
from reccore.metrics.topk import Items
from reccore.retrieve.index import Index
from reccore.retrieve.structure import faiss

BATCH = 256
NOISE = 0.5  # of an item vector's own length: a query near an item, and yet none


@dataclass(frozen=True)
class Measured:
    """An index beside exact search: the same queries, the same k."""

    kind: str
    parameters: dict[str, int]
    items: int
    queries: int
    k: int
    recall: float
    recall_error: float  # its standard error, queries resampled
    qps: float  # queries a second in batches of 256, FAISS on one thread
    bytes: int

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def measure(index: Index, queries: Floats, k: int = 10, truth: Items | None = None) -> Measured:
    """Recall@k and speed of `index` on `queries` [Q, d]; `truth` [Q, k] saves the exact search."""
    truth = index.exactly().search(queries, k)[0] if truth is None else truth
    found, seconds = timed(index.approximately(), queries, k)
    return Measured(
        index.kind,
        index.parameters,
        len(index),
        len(queries),
        k,
        *recall_with_error(found, truth),
        len(queries) / seconds,
        index.bytes,
    )


def timed(index: Index, queries: Floats, k: int) -> tuple[Items, float]:
    """Answers, and the seconds they took in batches on one FAISS thread."""
    library = None if index.structure is None else faiss()
    threads = library.omp_get_max_threads() if library else 1
    if library:
        library.omp_set_num_threads(1)
    try:
        index.search(queries[:BATCH], k)  # the first call also pays for the memory it touches
        began = time.perf_counter()
        blocks = [
            index.search(queries[start : start + BATCH], k)[0]
            for start in range(0, len(queries), BATCH)
        ]
        return np.concatenate(blocks), time.perf_counter() - began
    finally:
        if library:
            library.omp_set_num_threads(threads)


def recall(found: Items, truth: Items) -> float:
    """The share of the true items [Q, k] that were found; 1 where nothing was to be found."""
    return recall_with_error(found, truth)[0]


def recall_with_error(found: Items, truth: Items) -> tuple[float, float]:
    """Recall, and the standard error of it that comes from having asked these queries."""
    true = truth >= 0
    wanted = true.sum(axis=1)
    if not wanted.any():
        return 1.0, 0.0
    hits = ((truth[:, :, None] == found[:, None, :]).any(axis=2) & true).sum(axis=1)
    share = float(hits.sum() / wanted.sum())
    spread = hits - share * wanted  # a ratio of sums: its error by linearisation
    return share, float(np.sqrt((spread**2).sum()) / wanted.sum())


def sample_queries(vectors: Floats, size: int, seed: int, queries: Floats | None = None) -> Floats:
    """At most `size` of the queries given; without any, items' own vectors with noise."""
    draw = rng(seed, "retrieve-queries")
    if queries is not None:
        chosen = draw.choice(len(queries), min(size, len(queries)), replace=False)
        return queries[np.sort(chosen)]
    chosen = np.sort(draw.choice(len(vectors), min(size, len(vectors)), replace=False))
    near = vectors[chosen]
    lengths = np.linalg.norm(near, axis=1, keepdims=True) * NOISE / vectors.shape[1] ** 0.5
    noise: Floats = lengths * draw.standard_normal(near.shape, dtype=np.float32)
    return near + noise

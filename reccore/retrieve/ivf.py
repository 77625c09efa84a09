"""Inverted lists: vectors in cells, of which a query visits the nearest few.

FAISS assigns to cells by the metric of the search. For inner products that sends every vector to
the cells of the longest centroids, and vectors of trained models differ in length. Here cells are
made by Euclidean distance after the reduction of Bachrach et al. 2014
(doi:10.1145/2645710.2645741): a further coordinate, sqrt(M^2 - |x|^2), makes all lengths equal, so
a cell holds vectors of like direction and like length. A query then visits the cells of the
largest product with their signposts: the cell's direction at the length of its longest vector,
because one long vector is enough to be an answer. benchmarks/retrieval.py has what each of these
is worth. Vectors inside the lists are whole, so scores are exact.
"""

from pathlib import Path
from typing import Any

import numpy as np

from reccore.data.interactions import Floats
from reccore.data.seeds import derive, rng
from reccore.retrieve.exact import Bools, Positions
from reccore.retrieve.structure import Kind, faiss, scanner, selector

PER_LIST = 40  # training vectors a list: more changed nothing measurable
ROUNDS = 8  # of k-means
BLOCK = 1 << 16  # vectors assigned at a time


class Ivf:
    kind: Kind = "ivf"

    def __init__(self, index: Any, probes: int) -> None:
        self._index, self._total = index, int(index.ntotal)
        self._scan = scanner(index)
        self.probe(probes)

    @classmethod
    def build(cls, vectors: Floats, lists: int, probes: int, seed: int) -> "Ivf":
        """`vectors` [n, d] into `lists` cells."""
        library = faiss()
        squares = np.einsum("nd,nd->n", vectors, vectors)
        longest = float(squares.max())

        def level(rows: slice | Positions) -> Floats:
            """Vectors with the coordinate that makes their lengths equal: [., d + 1]."""
            rest = np.sqrt(np.maximum(longest - squares[rows], 0))
            return np.hstack([vectors[rows], rest[:, None]]).astype(np.float32, copy=False)

        size = min(len(vectors), PER_LIST * lists)
        sample = rng(seed, "retrieve-lists").choice(len(vectors), size, replace=False)
        means = library.Kmeans(
            vectors.shape[1] + 1,
            lists,
            niter=ROUNDS,
            seed=derive(seed, "retrieve-kmeans") & 0x7FFFFFFF,
            min_points_per_centroid=1,
            max_points_per_centroid=PER_LIST,
        )
        means.train(level(np.sort(sample)))
        cell = np.empty(len(vectors), np.int64)
        for start in range(0, len(vectors), BLOCK):
            rows = slice(start, start + BLOCK)
            cell[rows] = means.assign(level(rows))[1]
        coarse = library.IndexFlatIP(vectors.shape[1])
        coarse.add(_signposts(means.centroids[:, :-1], cell, np.sqrt(squares)))
        index = library.IndexIVFFlat(coarse, vectors.shape[1], lists, library.METRIC_INNER_PRODUCT)
        index.is_trained = True
        for start in range(0, len(vectors), BLOCK):  # the one call that takes cells as given
            block = np.ascontiguousarray(vectors[start : start + BLOCK], dtype=np.float32)
            there = cell[start : start + BLOCK]
            pointers = library.swig_ptr(block), None, library.swig_ptr(there), None
            index.add_core(len(block), *pointers)
        return cls(index, probes)

    def probe(self, probes: int) -> None:
        """Visit so many lists a query from now on."""
        self.parameters = {"lists": int(self._index.nlist), "probes": probes}
        self.scored = max(1, self._total * probes // self.parameters["lists"])
        self._index.nprobe = probes

    @property
    def raw(self) -> Any:
        return self._index

    @property
    def bytes(self) -> int:
        width = 4 * int(self._index.d)
        return self._total * (width + 8) + self.parameters["lists"] * width

    def search(
        self, queries: Floats, k: int, effort: float = 1.0, chosen: Bools | None = None
    ) -> tuple[Floats, Positions]:
        if effort <= 1 and chosen is None:
            return self._scan(queries, k)
        probes = min(self.parameters["lists"], int(np.ceil(self.parameters["probes"] * effort)))
        wanted = faiss().SearchParametersIVF(
            nprobe=probes, sel=None if chosen is None else selector(chosen)
        )
        return self._scan(queries, k, wanted)

    def save(self, path: Path) -> None:
        faiss().write_index(self._index, str(path))


def _signposts(centroids: Floats, cell: Positions, lengths: Floats) -> Floats:
    """What a query is compared with [lists, d]: directions as long as the cell's longest vector."""
    longest = np.zeros(len(centroids), np.float32)
    np.maximum.at(longest, cell, lengths)
    norms = np.linalg.norm(centroids, axis=1)
    scale = longest / np.maximum(norms, np.finfo(np.float32).tiny)
    posts: Floats = np.ascontiguousarray(centroids * scale[:, None], dtype=np.float32)
    return posts

"""A navigable graph (Malkov and Yashunin 2018, arXiv:1603.09320), walked towards larger products.

Built on inner products themselves (ip-NSW, Morozov and Babenko 2018): the long vectors that most
answers consist of become its hubs. Evening lengths out first, as for the lists, is worse: recall
0.66 instead of 0.97 at the same effort on 100,000 of the hard vectors of benchmarks/retrieval.py.
It takes minutes to build where lists take seconds, and on those vectors recall levels off below
0.98 (at a million), so it is tried after the lists.
"""

from pathlib import Path
from typing import Any

import numpy as np

from reccore.data.interactions import Floats
from reccore.retrieve.exact import Bools, Positions
from reccore.retrieve.structure import Kind, faiss, scanner, selector

CONSTRUCTION = 80  # candidates looked at for each new vector


class Hnsw:
    kind: Kind = "hnsw"

    def __init__(self, index: Any, ef: int) -> None:
        self._index, self._total = index, int(index.ntotal)
        self._scan = scanner(index)
        self._m = int(index.hnsw.nb_neighbors(1))
        self.widen(ef)

    @classmethod
    def build(cls, vectors: Floats, m: int, ef: int) -> "Hnsw":
        """`vectors` [n, d]; `m` links a vector. The graph is FAISS's own draw: it takes no seed."""
        library = faiss()
        index = library.IndexHNSWFlat(vectors.shape[1], m, library.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = CONSTRUCTION
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index, ef)

    def widen(self, ef: int) -> None:
        """Keep so many candidates during a walk from now on."""
        self.parameters = {"m": self._m, "ef": ef}
        self.scored = ef * self._m
        self._index.hnsw.efSearch = ef

    @property
    def raw(self) -> Any:
        return self._index

    @property
    def bytes(self) -> int:
        return self._total * (4 * int(self._index.d) + 4 * 2 * self._m + 24)

    def search(
        self, queries: Floats, k: int, effort: float = 1.0, chosen: Bools | None = None
    ) -> tuple[Floats, Positions]:
        if effort <= 1 and chosen is None and k <= self.parameters["ef"]:
            return self._scan(queries, k)
        ef = max(k, int(np.ceil(self.parameters["ef"] * effort)))
        wanted = faiss().SearchParametersHNSW(
            efSearch=min(ef, self._total),
            sel=None if chosen is None else selector(chosen),
        )
        return self._scan(queries, k, wanted)

    def save(self, path: Path) -> None:
        faiss().write_index(self._index, str(path))

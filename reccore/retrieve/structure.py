"""What an approximate structure is to an index: positions in, positions out, an effort to spend."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from reccore.data.interactions import Floats
from reccore.errors import need
from reccore.retrieve.exact import Bools, Positions

Kind = Literal["flat", "ivf", "hnsw"]
Scan = Callable[..., tuple[Floats, Positions]]


class Structure(Protocol):
    """Finds vectors by position; knows nothing of codes, users or what was seen."""

    kind: Kind
    parameters: dict[str, int]
    scored: int  # about how many vectors one query at effort 1 is scored against

    @property
    def bytes(self) -> int: ...

    @property
    def raw(self) -> Any:
        """The FAISS index, for comparison with ours."""

    def search(
        self, queries: Floats, k: int, effort: float = 1.0, chosen: Bools | None = None
    ) -> tuple[Floats, Positions]:
        """Scores and positions [B, k], best first; -1 where the structure gave up early.

        `queries` [B, d] are what `finite` returns: float32 in one piece.
        """

    def save(self, path: Path) -> None: ...


def faiss() -> Any:
    """FAISS, imported only by those who build or load an approximate structure."""
    return need("faiss", extra="cpu")


def scanner(index: Any) -> Scan:
    """`index.search`, whose own checks would take a microsecond of a query's thirty."""
    search, pointer, dim = index.search_c, faiss().swig_ptr, int(index.d)

    def scan(queries: Floats, k: int, params: Any = None) -> tuple[Floats, Positions]:
        rows, width = queries.shape
        assert width == dim  # FAISS would read beyond the rows
        scores, at = np.empty((rows, k), np.float32), np.empty((rows, k), np.int64)
        search(rows, pointer(queries), k, pointer(scores), pointer(at), params)
        return scores, at

    return scan


def selector(chosen: Bools) -> Any:
    """FAISS's view of a mask by position."""
    return faiss().IDSelectorBitmap(np.packbits(chosen, bitorder="little"))

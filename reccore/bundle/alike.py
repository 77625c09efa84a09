"""Items like one: by what the model learned of them, or by their features where it learned none."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reccore.bundle.bundle import Bundle
from reccore.bundle.scorer import Vectors
from reccore.bundle.scorers import Neighbours
from reccore.data.ids import Codes, ExternalId
from reccore.data.interactions import Floats, Histories
from reccore.errors import UserError
from reccore.metrics.topk import top_k

BLOCK = 1 << 16  # items that are compared at a time
POOL = 10  # candidates of an index for each item that is asked for


@dataclass(frozen=True)
class Alike:
    """Items and how alike they are, the most alike first."""

    codes: Codes
    likeness: Floats
    by: str  # model or features


def similar(bundle: Bundle, item: ExternalId, k: int) -> Alike:
    """The k items that are most like one; items that were removed are left out."""
    code = bundle.items.ids.code(item, "item")
    likeness, by = _likeness(bundle, code, k)
    itself = Histories.of_lists([np.array([code], dtype=np.int32)])
    codes, best = top_k(likeness[None], itself, min(k, len(bundle.items)), bundle.offered)
    found = codes[0] >= 0
    return Alike(codes[0][found], best[0][found], by)


def _likeness(bundle: Bundle, code: int, k: int) -> tuple[Floats, str]:
    scorer = bundle.scorer
    if isinstance(scorer, Vectors):
        if bundle.index is not None:
            return _through_index(bundle, scorer, code, k), "model"
        return _cosines(scorer.directions, code), "model"
    if isinstance(scorer, Neighbours):
        return scorer.near(code), "model"
    if not bundle.items.features:
        raise UserError(
            f"{bundle.manifest['model']} learned nothing of which items are alike",
            "serve a two-tower, sasrec, ease, ials or item-knn, or give items features",
        )
    everything = np.arange(len(bundle.items), dtype=np.int32)
    return _cosines(bundle.kinds_of(everything), code), "features"


def _through_index(bundle: Bundle, scorer: Vectors, code: int, k: int) -> Floats:
    """Cosines of the index's candidates; -inf of all others."""
    assert bundle.index is not None
    query = np.array(scorer.item_vectors[[code]], dtype=np.float32)
    if scorer.biased:
        query[:, -1] = 0
    found, _ = bundle.index.search(query, POOL * k + 1, allowed=bundle.offered)
    codes = found[0][found[0] >= 0]
    likeness = np.full(len(bundle.items), -np.inf, dtype=np.float32)
    likeness[codes] = _cosines(np.vstack([query[:, : scorer.directions.shape[1]],
                                          scorer.directions[codes]]), 0)[1:]  # fmt: skip
    return likeness


def _cosines(vectors: npt.NDArray[np.float32], code: int) -> Floats:
    """Of one row with every row: [I]."""
    mine = np.asarray(vectors[code], dtype=np.float32)
    found = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = np.asarray(vectors[start : start + BLOCK], dtype=np.float32)
        norms = np.sqrt(np.einsum("id,id->i", block, block))
        found[start : start + BLOCK] = block @ mine / np.maximum(norms, 1e-12)
    cosines: Floats = found / max(float(np.linalg.norm(mine)), 1e-12)
    return cosines

"""An index in a folder: functions from one record to the next, for a manifest somebody else keeps.

No file is ever changed or deleted here. A change writes new files, flushes them, and returns a new
record; until the caller replaces its manifest, the old record answers as before, whatever
happens. New items are a small file searched beside the base, removed ones a small file of codes;
`refresh` folds both into a new base. Codes never change and are never given twice.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.data.ids import Codes
from reccore.data.interactions import Floats
from reccore.errors import UserError
from reccore.retrieve.choose import RetrieveSettings, choose_for
from reccore.retrieve.exact import Part
from reccore.retrieve.hashed import codes_of, keep, keep_table, vectors_of
from reccore.retrieve.hnsw import Hnsw
from reccore.retrieve.index import Index, finite
from reccore.retrieve.ivf import Ivf
from reccore.retrieve.recall import Measured, measure, sample_queries
from reccore.retrieve.record import Record, checked
from reccore.retrieve.structure import Structure, faiss


def write(folder: Path, index: Index, generation: int = 1) -> Record:
    """Keep an index, as `choose` made it or with what was added and removed since."""
    base, structure = index.base, index.structure
    covered = index.count - len(index.added)
    assert len(index.added) == 0 or int(index.added.codes[0]) == covered, "added codes have gaps"
    whole = len(base) == covered
    return Record(
        generation=generation,
        kind=index.kind,
        parameters=index.parameters,
        dim=index.dim,
        count=index.count,
        covered=covered,
        vectors=keep_table(folder, "vectors", base.vectors),
        codes=None if whole else keep_table(folder, "codes", base.codes),
        structure=None if structure is None else keep(folder, index.kind, ".faiss", structure.save),
        added=(keep_table(folder, "added", index.added.vectors),) if len(index.added) else (),
        removed=(keep_table(folder, "removed", index.gone),) if len(index.gone) else (),
    )


def append(folder: Path, record: Record, vectors: npt.ArrayLike) -> Record:
    """New items [n, d] under the next codes. Only their own file is written or hashed."""
    new = finite(vectors, "a new item's vector")
    if len(new) == 0 or new.shape[1] != record.dim:
        raise UserError(
            f"new vectors are {list(new.shape)}", f"give 1 or more, each of {record.dim} numbers"
        )
    file = keep_table(folder, "added", new)
    changes = {"count": record.count + len(new), "added": (*record.added, file)}
    return _next(record, changes)


def remove(folder: Path, record: Record, codes: npt.ArrayLike) -> Record:
    """Items never to be returned again. Removing one twice is no error: it is gone."""
    gone = np.unique(np.asarray(codes))
    if len(gone) == 0 or not np.issubdtype(gone.dtype, np.integer):
        raise UserError(f"no item codes to remove: {codes!r}")
    if gone[0] < 0 or gone[-1] >= record.count:
        worst = gone[0] if gone[0] < 0 else gone[-1]
        raise UserError(f"no item has code {worst}", f"codes are 0 to {record.count - 1}")
    file = keep_table(folder, "removed", gone.astype(np.int32))
    return _next(record, {"removed": (*record.removed, file)})


def load(folder: Path, record: Record) -> Index:
    """The index, after every file of it was found whole. Vectors are mapped, not read."""
    base = _base(folder, record)
    parts = [vectors_of(folder, file, record.dim) for file in record.added]
    added = Part.of(np.concatenate(parts), record.covered) if parts else None
    gone = _gone(folder, record, base, added)
    return Index(base, _structure(folder, record, len(base)), added, gone, record.count)


def refresh(
    folder: Path,
    record: Record,
    settings: RetrieveSettings | None = None,
    seed: int = 0,
    queries: npt.ArrayLike | None = None,
) -> Record:
    """One base of all that is left, under the same codes; removed vectors are in no new file.

    Without settings the kind stays and its parameters are found again.
    """
    index = load(folder, record)
    left = np.ones(index.count, np.bool_)
    left[index.gone] = False
    parts = [(part, part.mask(left)) for part in (index.base, index.added)]
    vectors = np.concatenate([part.vectors[chosen] for part, chosen in parts])
    codes = np.concatenate([part.codes[chosen] for part, chosen in parts])
    asked = None if queries is None else finite(queries, "a query")
    settings = settings or RetrieveSettings(kind=record.kind)
    fresh, _ = choose_for(Part(vectors, codes), settings, seed, asked, index.count)
    return write(folder, fresh, record.generation + 1)


def report(
    folder: Path,
    record: Record,
    queries: npt.ArrayLike | None = None,
    k: int = 10,
    sample: int = 500,
    seed: int = 0,
) -> Measured:
    """The stored index beside exact search over the same items."""
    index = load(folder, record)
    if queries is None and len(index.base) == 0:
        raise UserError("the index's base is empty, so it has no queries", "give some")
    asked = None if queries is None else finite(queries, "a query")
    return measure(index, sample_queries(index.base.vectors, sample, seed, asked), k)


def _next(record: Record, changes: dict[str, Any]) -> Record:
    return record.model_copy(update={**changes, "generation": record.generation + 1})


def _base(folder: Path, record: Record) -> Part:
    vectors: Floats = vectors_of(folder, record.vectors, record.dim)
    if record.codes is None:
        base = Part.of(vectors)
    else:
        base = Part(vectors, codes_of(folder, record.codes))
    ascending = bool((np.diff(base.codes) > 0).all())
    inside = len(base) == 0 or (base.codes[0] >= 0 and base.codes[-1] < record.covered)
    if len(base.codes) != len(vectors) or not ascending or not inside:
        raise UserError("the codes of the index's base do not fit its vectors", "restore it")
    return base


def _gone(folder: Path, record: Record, base: Part, added: Part | None) -> Codes:
    """Codes removed since the base was made, without those it no longer holds anyway."""
    parts = [codes_of(folder, file) for file in record.removed]
    gone = np.unique(np.concatenate([np.empty(0, np.int32), *parts])).astype(np.int32)
    held = base.codes if added is None else np.concatenate([base.codes, added.codes])
    still: Codes = gone[np.isin(gone, held)]
    return still


def _structure(folder: Path, record: Record, rows: int) -> Structure | None:
    if record.structure is None:
        return None
    library, path = faiss(), checked(folder, record.structure)
    index = library.read_index(str(path))
    if (index.ntotal, index.d, index.metric_type) != (
        rows,
        record.dim,
        library.METRIC_INNER_PRODUCT,
    ):
        raise UserError(f"index file {path} is not of these vectors", "build the index again")
    if record.kind == "ivf":
        return Ivf(index, record.parameters["probes"])
    return Hnsw(index, record.parameters["ef"])

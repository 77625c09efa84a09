"""Files named by their content: written beside, flushed, then given their name. Never changed."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.data.ids import Codes
from reccore.data.interactions import Floats
from reccore.errors import UserError
from reccore.files import sha256
from reccore.retrieve.record import StoredFile, checked


def keep(
    folder: Path, stem: str, suffix: str, write: Callable[[Path], None], rows: int = 0
) -> StoredFile:
    """What `write` puts at the path it is given, kept as `<stem>-<hash><suffix>`.

    A crash leaves at most a hidden temporary file, or a whole one that no record names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{stem}.{secrets.token_hex(4)}.tmp{suffix}"
    try:
        write(temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        digest, size = sha256(temporary), temporary.stat().st_size
        path = folder / f"{stem}-{digest[:16]}{suffix}"
        if path.is_symlink() or not path.exists() or sha256(path) != digest:
            temporary.replace(path)
        _settle(folder)
    finally:
        temporary.unlink(missing_ok=True)
    return StoredFile(name=path.name, sha256=digest, bytes=size, rows=rows)


def _settle(folder: Path) -> None:
    """Make the new name itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def keep_table(folder: Path, stem: str, table: npt.NDArray[np.generic]) -> StoredFile:
    """An array as .npy: what any numpy opens, without copying it."""

    def write(path: Path) -> None:
        with path.open("wb") as handle:
            np.save(handle, np.ascontiguousarray(table), allow_pickle=False)

    return keep(folder, stem, ".npy", write, rows=len(table))


def vectors_of(folder: Path, file: StoredFile, dim: int) -> Floats:
    """Vectors [rows, dim], mapped: pages are read when they are needed."""
    array: Floats = _table(folder, file, np.dtype(np.float32), (file.rows, dim))
    return array


def codes_of(folder: Path, file: StoredFile) -> Codes:
    array: Codes = _table(folder, file, np.dtype(np.int32), (file.rows,))
    return array


def _table(
    folder: Path, file: StoredFile, dtype: np.dtype[np.generic], shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    path = checked(folder, file)
    try:
        array = np.load(path, mmap_mode="r" if file.rows else None, allow_pickle=False)
    except ValueError as error:
        raise UserError(f"index file {path} is no table: {error}") from None
    if array.dtype != dtype or array.shape != shape:
        raise UserError(
            f"index file {path} is {array.dtype} {list(array.shape)}, "
            f"its record says {dtype} {list(shape)}",
            "the manifest was edited: restore it",
        )
    plain: npt.NDArray[Any] = array
    return plain

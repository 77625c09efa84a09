"""Files that are whole or absent: written under a temporary name, flushed, then renamed."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write_atomic(path: Path, content: bytes | str | Callable[[Path], None]) -> None:
    """Write bytes, text, or whatever a writer puts at the temporary path it is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """As .npy, which can be mapped."""

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.save(file, np.ascontiguousarray(array), allow_pickle=False)

    write_atomic(path, save)


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes its name when it is full and vanishes when filling fails."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if folder.is_dir():
            folder.rmdir()  # only an empty one may be replaced
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

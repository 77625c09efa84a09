"""What an index consists of, as a few lines of JSON: files by hash, and the codes they cover.

The record is a part of somebody's manifest. Files are only ever added to the folder, so every
record ever made stays loadable, and replacing the manifest is the one moment of change.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from reccore.config import Settings, validate
from reccore.errors import UserError
from reccore.files import sha256
from reccore.retrieve.structure import Kind

Natural = Annotated[int, Field(ge=0)]


class StoredFile(Settings):
    """A file of the folder. `rows` is its length as a table; 0 for a structure."""

    name: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Natural
    rows: Natural = 0


class Record(Settings):
    """Base vectors, the structure over them, what was added and removed since."""

    generation: Annotated[int, Field(ge=1)]  # one more with each change
    kind: Kind
    parameters: dict[str, int]
    dim: Annotated[int, Field(ge=1)]
    count: Natural  # codes ever given; the next item gets this one
    covered: Natural  # codes below this are the base's; from here on they are the added files'
    vectors: StoredFile  # [n, d]
    codes: StoredFile | None = None  # [n] where codes have gaps
    structure: StoredFile | None = None
    added: tuple[StoredFile, ...] = ()
    removed: tuple[StoredFile, ...] = ()

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """All that the record needs; a folder may hold more, which is harmless."""
        single = (self.vectors, self.codes, self.structure)
        return (*(file for file in single if file), *self.added, *self.removed)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def of_json(cls, tree: dict[str, Any], source: str = "the index's record") -> "Record":
        record = validate(cls, tree, source)
        if record.count != record.covered + sum(file.rows for file in record.added):
            raise UserError(
                f"{source} counts {record.count} codes, its files {record.covered} and "
                f"{[file.rows for file in record.added]}",
                "the manifest was edited or is of another version: restore it",
            )
        needed = {"flat": set(), "ivf": {"lists", "probes"}, "hnsw": {"m", "ef"}}[record.kind]
        if set(record.parameters) != needed or (record.structure is None) != (not needed):
            raise UserError(
                f"{source} is of kind {record.kind} with parameters {record.parameters} and "
                f"{'no' if record.structure is None else 'a'} structure",
                "the manifest was edited or is of another version: restore it",
            )
        return record


def checked(folder: Path, file: StoredFile) -> Path:
    """The file's path, once it is known to be inside the folder and to the byte what it was."""
    remedy = "restore the folder from a copy, or build the index again"
    if (
        file.name != Path(file.name).name
        or file.name in ("", "..", ".")
        or set(file.name) & set("\\\0")
    ):
        raise UserError(f"index file {file.name!r} is not a plain name", remedy)
    path = folder / file.name
    if path.is_symlink():
        raise UserError(f"index file {path} is a link", remedy)
    if not path.is_file():
        raise UserError(f"index file {path} is missing", remedy)
    if path.stat().st_size != file.bytes:
        raise UserError(
            f"index file {path} has {path.stat().st_size} bytes, its record says {file.bytes}",
            remedy,
        )
    if sha256(path) != file.sha256:
        raise UserError(f"index file {path} is damaged: its sha256 differs", remedy)
    return path

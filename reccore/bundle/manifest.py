"""The manifest: every file of a bundle with its hash, and the facts of how it came to be.

It is the only file that ever changes, and it changes whole: new content is written beside what is
there, then a manifest that lists it takes the old one's place. A reader sees one or the other.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from reccore.errors import UserError
from reccore.files import sha256, write_atomic

FORMAT = 1
NAME = "manifest.json"
INDEX = "index"  # the folder of the index's files
_REMEDY = "export it again, or restore it from a copy"


@dataclass(frozen=True)
class Manifest:
    """Facts, and `files`: path within the bundle -> {"sha256": ..., "bytes": ...}."""

    facts: Mapping[str, Any]

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        return dict(self["files"])

    @property
    def everything(self) -> dict[str, dict[str, Any]]:
        """The same with the index's files, which its own record lists."""
        index = self.facts.get("index")
        record = None if index is None else index["record"]
        return {**self.files, **({} if record is None else _of_index(record))}

    @property
    def generation(self) -> int:
        return int(self["generation"])

    @property
    def size(self) -> int:
        """Bytes of all listed files."""
        return sum(int(facts["bytes"]) for facts in self.everything.values())

    def __getitem__(self, name: str) -> Any:
        if name not in self.facts:
            needed = self.facts.get("minimum_version", "another version")
            raise UserError(f"the bundle's manifest lacks {name}", f"it needs giftrec {needed}")
        return self.facts[name]

    def next(self, **facts: Any) -> "Manifest":
        """The following generation, with these facts changed."""
        return Manifest({**self.facts, **facts, "generation": self.generation + 1})

    def write(self, folder: Path) -> None:
        content = {**self.facts, "format": FORMAT}
        text = json.dumps({**content, "sha256": _seal(content)}, indent=2, ensure_ascii=False)
        write_atomic(folder / NAME, text + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest alone, whole and of a format this version reads."""
        if not folder.is_dir():
            raise UserError(
                f"no such bundle: {folder}", "`cinesync export RUN --out DIR` makes one"
            )
        try:
            content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{folder} is not a bundle: it has no {NAME}") from None
        except (ValueError, UnicodeDecodeError) as error:
            raise UserError(f"{folder / NAME} is corrupt: {error}", _REMEDY) from None
        if not isinstance(content, dict) or "format" not in content:
            raise UserError(f"{folder / NAME} is not a bundle's manifest", _REMEDY)
        if content["format"] != FORMAT:
            needed = content.get("minimum_version", "another version")
            raise UserError(
                f"{folder} is of bundle format {content['format']}, this version reads {FORMAT}",
                f"it needs giftrec {needed} or later",
            )
        seal = content.pop("sha256", None)
        if seal != _seal(content):
            raise UserError(f"{folder / NAME} is corrupt: its hash is not its own", _REMEDY)
        return cls(content)


def _of_index(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    single = [record.get(part) for part in ("vectors", "codes", "structure")]
    files = [
        *(file for file in single if file),
        *record.get("added", ()),
        *record.get("removed", ()),
    ]
    return {
        f"{INDEX}/{file['name']}": {"sha256": file["sha256"], "bytes": file["bytes"]}
        for file in files
    }


def _seal(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def entry(path: Path) -> dict[str, Any]:
    """A file as the manifest lists it."""
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def within(folder: Path, name: str) -> Path:
    """The path of a listed file, which must lie in the bundle and be a plain file."""
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name:
        raise UserError(f"{folder}: the manifest lists {name!r}, a path out of the bundle", _REMEDY)
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise UserError(f"{folder}: {name} is a link, which a bundle may not hold", _REMEDY)
    return path


def verify(folder: Path, manifest: Manifest, names: list[str] | None = None) -> None:
    """Refuse a bundle any of whose listed files is absent, changed, or elsewhere."""
    files = manifest.everything
    for name in manifest.files if names is None else names:
        path, listed = within(folder, name), files[name]
        if not path.is_file():
            raise UserError(f"{folder} lacks {name}", _REMEDY)
        if path.stat().st_size != listed["bytes"] or sha256(path) != listed["sha256"]:
            raise UserError(f"{path} is corrupt: its hash is not the manifest's", _REMEDY)

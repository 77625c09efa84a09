"""What a source is: a name, where its files come from, and how they become a data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field

from reccore.config import Settings
from reccore.data.dataset import Dataset
from reccore.data.split import Given
from reccore.errors import UserError

Duplicates = Literal["error", "first", "last", "keep"]


class FileSettings(Settings):
    """Options of every source that reads files."""

    duplicates: Duplicates = Field(
        "error",
        description="rows that repeat a user and item: refuse them, keep the first or the last "
        "by time, or keep them all",
    )


class SequenceSettings(FileSettings):
    """As files, but meeting an item again is part of a sequence."""

    duplicates: Duplicates = "keep"


@dataclass(frozen=True)
class Request:
    """What the user asked of one source."""

    name: str
    path: Path
    settings: Settings
    columns: Mapping[str, str] = field(default_factory=dict)  # role -> column of the file
    items: Path | None = None
    licence: str = "not stated"
    seed: int = 0

    @property
    def duplicates(self) -> Duplicates:
        return self.settings.duplicates if isinstance(self.settings, FileSettings) else "error"

    def file(self, name: str) -> Path:
        """A file of the folder, or an error that says which one is missing."""
        path = self.path / name
        if not path.is_file():
            raise UserError(
                f"{self.name}: no {name} in {self.path}", "give the data's own folder with --from"
            )
        return path


@dataclass(frozen=True, eq=False)
class Loaded:
    """A data set, with the split its files bring along, if any."""

    dataset: Dataset
    given: Given | None = None


@dataclass(frozen=True)
class Source:
    """One entry of the registry."""

    name: str
    summary: str
    licence: str
    load: Callable[[Request], Loaded]
    layouts: tuple[tuple[str, ...], ...] = ()  # alternatives: patterns that are all in a folder
    settings: type[Settings] = FileSettings
    url: str | None = None
    md5: str | None = None  # None: the publisher's own .md5 file beside the archive is asked
    needs_path: bool = True

    def fits(self, folder: Path) -> int:
        """How many files of a layout the folder holds; 0 when it holds none completely."""
        complete = (
            layout for layout in self.layouts if all(any(folder.glob(one)) for one in layout)
        )
        return max((len(layout) for layout in complete), default=0)

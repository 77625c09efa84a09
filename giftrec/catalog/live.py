"""Which snapshot is live: a folder of them and one small file that is replaced at once.

Publishing writes a new snapshot beside the live one and then points `live.json` to it: readers get
the old one or the new one, whole, never a mixture. Whoever holds the old one goes on reading it,
even after it was cleared away. Nothing that is published is changed again.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.tables import Frames
from giftrec.catalog.writing import SCRATCH, write_snapshot
from reccore.errors import UserError
from reccore.files import write_atomic

LIVE = "live.json"
LOCK = ".lock"
SUFFIX = ".duckdb"
STAGED = "staged"
KEPT = 3  # snapshots, the live one among them
TRIES = 5  # of reading while others publish


@dataclass(frozen=True)
class Kept:
    """One snapshot of the folder."""

    name: str
    live: bool
    bytes: int
    facts: dict[str, Any]


class Catalogue:
    """A folder of snapshots, one of them live."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def publish(
        self,
        tables: Frames,
        facts: Mapping[str, Any],
        keep: int = KEPT,
        say: Callable[[str], None] = lambda _: None,
    ) -> Path:
        """Write a snapshot, make it live, and clear away all but the newest `keep`.

        When the checks or the writing fail, the live snapshot stays what it was.
        """
        if keep < 1:
            raise UserError(f"keep is {keep}", "at least the live snapshot is kept")
        with self._alone():
            self._sweep()
            number = 1 + max((int(n.split("-")[0]) for n in self.names()), default=0)
            staged = self.folder / f".{STAGED}-{os.getpid()}{SUFFIX}"
            try:
                whole = write_snapshot(staged, tables, facts, say)
                path = self.folder / f"{number:06}-{whole['fingerprint']}{SUFFIX}"
                staged.rename(path)
            finally:
                staged.unlink(missing_ok=True)
            self._point(path.name)
            self._clear(keep)
        return path

    def live(self) -> Path:
        """The path of the live snapshot."""
        try:
            named = json.loads((self.folder / LIVE).read_text(encoding="utf-8"))["live"]
            assert isinstance(named, str)
        except FileNotFoundError:
            raise UserError(
                f"no catalogue is live in {self.folder}", "giftrec catalog import FILE"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AssertionError):
            raise UserError(
                f"{self.folder / LIVE} cannot be read",
                "giftrec catalog rollback --to NAME mends it",
            ) from None
        if named not in {Path(named).name} or not named.endswith(SUFFIX):
            raise UserError(f"{self.folder / LIVE} names {named[:80]!r}", "that is no snapshot")
        return self.folder / named

    def current(self, threads: int = 2) -> Snapshot:
        """The live snapshot, opened; the caller closes it."""
        for left in reversed(range(TRIES)):
            path = self.live()
            try:
                return Snapshot.open(path, threads)
            except UserError:
                if left == 0 or path.is_file():  # gone: others published and cleared meanwhile
                    raise
        raise AssertionError("unreachable")

    def rollback(self, to: str | None = None) -> Path:
        """Make an older snapshot live again: the one before the live one, or the one named."""
        with self._alone():
            names = self.names()
            if to is None:
                here = self.live().name
                earlier = [name for name in names if name < here]
                if not earlier:
                    raise UserError(f"there is no snapshot before {here}", self._known(names))
                chosen = earlier[-1]
            else:
                chosen = self._named(to, names)
            Snapshot.open(self.folder / chosen).close()  # whatever goes live can be read
            self._point(chosen)
        return self.folder / chosen

    def names(self) -> list[str]:
        """The file names of all snapshots, oldest first."""
        found = self.folder.glob(f"[0-9]*-*{SUFFIX}") if self.folder.is_dir() else []
        return sorted(path.name for path in found if path.name.split("-")[0].isdigit())

    def kept(self) -> list[Kept]:
        """All snapshots with their facts, newest first."""
        live = self.live().name if (self.folder / LIVE).exists() else None
        found = []
        for name in reversed(self.names()):
            with Snapshot.open(self.folder / name) as snapshot:
                size = snapshot.path.stat().st_size
                found.append(Kept(name, name == live, size, snapshot.facts))
        return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One publisher at a time, whichever processes they are; readers never wait."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / LOCK).open("w")
        except OSError as error:
            raise UserError(f"{self.folder} cannot be written: {error.strerror}") from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _point(self, name: str) -> None:
        _flush(self.folder)  # the snapshot's name is on disk before anything speaks of it
        at = datetime.now(UTC).isoformat(timespec="seconds")
        write_atomic(self.folder / LIVE, json.dumps({"live": name, "since": at}) + "\n")
        _flush(self.folder)

    def _clear(self, keep: int) -> None:
        live = self.live().name
        others = [name for name in self.names() if name != live]
        for name in others[: max(0, len(others) - (keep - 1))]:
            for path in (self.folder / name, *self.folder.glob(f"{name}.*")):  # and its text index
                path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Clear away what a publisher that was killed left half-written; nobody else is writing."""
        for path in self.folder.glob(".*"):
            if path.is_dir() and path.name.startswith(SCRATCH):
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.lstrip(".").startswith(STAGED):
                path.unlink(missing_ok=True)

    def _named(self, wanted: str, names: list[str]) -> str:
        """By a snapshot's number, or its name with or without the suffix."""
        for name in names:
            number = name.split("-")[0]
            if wanted in {name, name.removesuffix(SUFFIX), number, str(int(number))}:
                return name
        raise UserError(f"no snapshot {wanted[:80]!r} here", self._known(names))

    def _known(self, names: list[str]) -> str:
        return f"there are: {', '.join(names)}" if names else f"{self.folder} has none"


class Follower:
    """The live snapshot, for a process that goes on: swapped when another one is published.

    A snapshot that was given out stays open as long as anybody holds it. When the new one cannot
    be opened the old one stays, and `trouble` says why.
    """

    def __init__(self, catalogue: Catalogue, threads: int = 2, *, warm: bool = True) -> None:
        self.trouble: str | None = None
        self._catalogue = catalogue
        self._threads = threads
        self._warm = warm
        self._lock = Lock()
        self._stamp = self._stamped()
        self._snapshot = self._opened()

    def now(self) -> Snapshot:
        """The snapshot to answer with: one look at a small file, more only after a swap."""
        stamp = self._stamped()
        if stamp != self._stamp and self._lock.acquire(blocking=False):
            try:  # one thread opens and warms the new one; the others answer from the old one
                self._snapshot, self.trouble = self._opened(), None
            except UserError as error:
                self.trouble = f"the catalogue of {self._snapshot.as_of} is still used: {error}"
            finally:
                self._stamp = stamp
                self._lock.release()
        return self._snapshot

    def _opened(self) -> Snapshot:
        snapshot = self._catalogue.current(self._threads)
        return snapshot.warm() if self._warm else snapshot

    def _stamped(self) -> tuple[int, int] | None:
        try:
            found = (self._catalogue.folder / LIVE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


def _flush(folder: Path) -> None:
    """The folder's entries, on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

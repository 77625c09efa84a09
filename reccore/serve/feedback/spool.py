"""A file for what waits while the database does not answer.

One line of JSON is one event or one deletion. Lines are written whole and fsync'd before anybody
is told, so a torn last line was promised to nobody and is cut off. Deletions stand first: they are
applied before any event goes to the database, and the events they concern are out of the file.

A folder has numbered files, each locked by the process that uses it. A process that starts takes
the first that is free, and whatever dead ones left in the others.
"""

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from reccore.errors import UserError
from reccore.files import write_atomic
from reccore.serve.feedback.event import Arrival, Event, Key
from reccore.serve.refusal import Refusal

log = logging.getLogger(__name__)

SLOTS = 64  # processes on one machine
RESERVE = 1_000_000  # bytes beyond the bound, for deletions alone: those are never refused lightly


class SpoolFullError(Exception):
    """Nothing more fits, or the disk refuses."""


class Spool:
    """The waiting events, in memory and in a file. What touches the disk says so."""

    def __init__(self, folder: Path, limit: int) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock, self._path = _free_slot(folder)
            self._file = _open(self._path)
            self._broken = False
            self.size = 0
            self.limit = limit
            self.unreadable = 0
            self.arrivals: dict[Key, Arrival] = {}
            self.forgotten: dict[str, int] = {}
            self._people: dict[str, dict[Key, None]] = {}
            self._load(folder)
        except OSError as error:
            raise UserError(
                f"the feedback spool {folder} cannot be used: {error.strerror}",
                "name a folder that can be written to",
            ) from None

    @property
    def empty(self) -> bool:
        return not self.arrivals and not self.forgotten

    @property
    def usable(self) -> bool:
        """Whether an event of usual size would fit; the disk is asked when one comes."""
        return not self._broken and self.size + 1000 <= self.limit

    def of_person(self, user: str) -> list[Event]:
        return [self.arrivals[key].event for key in self._people.get(user, ())]

    def fitting(self, arrivals: Sequence[Arrival]) -> tuple[list[Arrival], list[bytes]]:
        """The longest beginning that fits, and its lines."""
        room, lines = self.limit - self.size, []
        for arrival in arrivals:
            line = _line_of(arrival)
            room -= len(line)
            if room < 0:
                break
            lines.append(line)
        return list(arrivals[: len(lines)]), lines

    def hold(self, arrivals: Iterable[Arrival]) -> None:
        for arrival in arrivals:
            key = arrival.event.key
            self.arrivals[key] = arrival
            self._people.setdefault(key[0], {})[key] = None

    def first(self, most: int) -> list[Arrival]:
        return list(islice(self.arrivals.values(), most))

    def release(self, keys: Iterable[Key]) -> None:
        """These are in the database; the file keeps them until all are."""
        for key in keys:
            self.arrivals.pop(key, None)
            of_person = self._people.get(key[0], {})
            of_person.pop(key, None)
            if not of_person:
                self._people.pop(key[0], None)

    def append(self, lines: Sequence[bytes]) -> None:
        """Disk: all lines, or none."""
        if self._broken:
            raise SpoolFullError("an earlier failure could not be undone")
        try:
            data = memoryview(b"".join(lines))
            while data:
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError as error:
            self._undo()
            raise SpoolFullError(error.strerror) from None
        self.size += sum(map(len, lines))

    def take(self, user: str) -> list[Arrival]:
        keys = list(self._people.get(user, ()))
        taken = [self.arrivals[key] for key in keys]
        self.release(keys)
        return taken

    def write_deletion(self, user: str, rewrite: bool) -> None:
        """Disk: note what `forgotten` says of a person; rewritten, the file is rid of them."""
        if rewrite:
            try:
                self._rewrite()
            except OSError as error:
                raise SpoolFullError(error.strerror) from None
            return
        line = _deletion(user, self.forgotten[user])
        if self.size + len(line) > self.limit + RESERVE:
            raise SpoolFullError("the deletions fill it")
        self.append([line])

    def clear(self) -> None:
        """Disk: everything is in the database."""
        assert self.empty
        if not self.size and not self._broken:
            return
        try:
            os.ftruncate(self._file, 0)
            os.fsync(self._file)
        except OSError as error:  # what stays is sent again, and changes nothing
            log.error("the feedback spool cannot be emptied: %s", error.strerror)
            return
        self.size, self._broken = 0, False

    def close(self) -> None:
        os.close(self._file)
        os.close(self._lock)

    def _load(self, folder: Path) -> None:
        lines = _whole_lines(self._path)
        others = [slot for slot in map(_try_slot, _paths(folder)) if slot]
        found = [line for _, path in others for line in _whole_lines(path)]
        read = [parsed for line in lines + found if (parsed := self._parse(line))]
        for person, received in (entry for entry in read if not isinstance(entry, Arrival)):
            self.forgotten[person] = max(received, self.forgotten.get(person, 0))
        waiting = [entry for entry in read if isinstance(entry, Arrival)]
        for arrival in sorted(waiting, key=lambda arrival: arrival.received):
            if arrival.received <= self.forgotten.get(arrival.event.user, 0):
                continue
            if arrival.event.key not in self.arrivals:
                self.hold([arrival])
        self.size = self._path.stat().st_size
        if found or self.size or self.unreadable:
            self._rewrite()
        for lock, path in others:  # only now: what they held is safe here
            path.unlink(missing_ok=True)
            os.close(lock)
        if self.unreadable:
            log.error("the feedback spool held %d unreadable lines", self.unreadable)

    def _parse(self, line: bytes) -> Arrival | tuple[str, int] | None:
        try:
            fields: dict[str, Any] = json.loads(line)
            received = int(fields.pop("received"))
            if "forget" in fields:
                return str(fields["forget"]), received
            return Arrival(Event(**fields), received)
        except (ValueError, TypeError, KeyError, AttributeError, Refusal):
            self.unreadable += 1
            return None

    def _rewrite(self) -> None:
        lines = [_deletion(user, received) for user, received in self.forgotten.items()]
        lines += [_line_of(arrival) for arrival in self.arrivals.values()]
        write_atomic(self._path, _private(b"".join(lines)))
        replaced, self._file = self._file, _open(self._path)
        os.close(replaced)
        self.size, self._broken = sum(map(len, lines)), False

    def _undo(self) -> None:
        """Cut off what a failed write left, or the next line would be glued to it."""
        try:
            os.ftruncate(self._file, self.size)
        except OSError:
            self._broken = True


def _line_of(arrival: Arrival) -> bytes:
    event = arrival.event
    fields = {name: getattr(event, name) for name in Event.__slots__}
    return json.dumps({**fields, "received": arrival.received}).encode() + b"\n"


def _deletion(user: str, received: int) -> bytes:
    return json.dumps({"forget": user, "received": received}).encode() + b"\n"


def _whole_lines(path: Path) -> list[bytes]:
    """All but a torn last one."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def _private(content: bytes) -> Callable[[Path], None]:
    def write(temporary: Path) -> None:
        temporary.touch(0o600)
        temporary.write_bytes(content)

    return write


def _open(path: Path) -> int:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    _sync_folder(path.parent)
    return file


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _paths(folder: Path) -> list[Path]:
    return [folder / f"waiting-{slot}.jsonl" for slot in range(SLOTS)]


def _try_slot(path: Path) -> tuple[int, Path] | None:
    """The lock of a slot that a dead process left something in."""
    return _locked(path) if path.exists() else None


def _free_slot(folder: Path) -> tuple[int, Path]:
    for path in _paths(folder):
        if slot := _locked(path):
            return slot
    raise UserError(f"{SLOTS} processes use the feedback spool {folder}", "name another folder")


def _locked(path: Path) -> tuple[int, Path] | None:
    """The lock is a file of its own: the other one is replaced when it is rewritten."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock, path
    os.close(lock)
    return None

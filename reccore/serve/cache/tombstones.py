"""Who was forgotten since an immutable file was made: a small file beside it, in order.

One line a forgotten user, `<number> <pseudonym>`, appended under a lock and flushed to the disk, so
that every process that shares the folder sees it, restarts included. The first line is the number
up to which lines were dropped, when a newer file made them needless; a job that began before that
may not write any more. A line cut off by a crash was never acknowledged and is cut away.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reccore.errors import UserError
from reccore.files import write_atomic


class Tombstones:
    def __init__(self, beside: Path) -> None:
        self.path = beside.with_name(beside.name + ".forgotten")
        self._lock = beside.with_name(beside.name + ".lock")
        self._seen: tuple[int, int, int] | None = None
        self._numbers: dict[str, int] = {}
        self._dropped = self._last = self._whole = 0

    def number(self, person: str) -> int:
        """When this user was last forgotten; 0 for never. One stat when nothing changed."""
        self._refresh()
        return self._numbers.get(person, 0)

    def last(self) -> int:
        self._refresh()
        return self._last

    def add(self, person: str) -> None:
        with self.locked():
            self._refresh()
            with self.path.open("ab") as file:
                if file.tell() != self._whole:  # a line cut off by a crash
                    file.truncate(self._whole)
                start = "" if self._whole else "0\n"
                file.write(f"{start}{self._last + 1} {person}\n".encode())
                file.flush()
                os.fsync(file.fileno())
            self._refresh()

    def drop(self, until: int) -> None:
        """Forget the tombstones up to a number; the lock must be held."""
        self._refresh()
        kept = sorted((number, who) for who, number in self._numbers.items() if number > until)
        lines = [str(max(until, self._dropped)), *(f"{number} {who}" for number, who in kept)]
        write_atomic(self.path, "".join(f"{line}\n" for line in lines))

    def check(self, begun: int) -> None:
        self._refresh()
        if not self._dropped <= begun <= self._last:
            raise UserError(
                f"lists begun at {begun}, but {self.path.name} knows {self._dropped} to "
                f"{self._last}: a newer job has written since, or the number is another file's",
                "begin again and compute the lists anew",
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _refresh(self) -> None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._seen, self._numbers = None, {}
            self._dropped = self._last = self._whole = 0
            return
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen == self._seen:
            return
        content = self.path.read_bytes()
        self._whole = content.rfind(b"\n") + 1
        try:
            lines = content[: self._whole].decode("ascii").splitlines()
            dropped = int(lines[0]) if lines else 0
            pairs = [line.split(" ") for line in lines[1:]]
            numbers = {person: int(number) for number, person in pairs}
        except ValueError:
            raise UserError(f"{self.path} is damaged", "write the lists anew") from None
        self._numbers, self._dropped = numbers, dropped
        self._last = max([dropped, *numbers.values()])
        self._seen = seen

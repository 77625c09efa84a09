"""Lines to a stream without waiting for it: a thread writes them in batches.

A slow or stuck reader of stderr must not stop the event loop, so lines wait in a bounded queue;
when it is full new ones are dropped, and how many is said as soon as there is room. `close` writes
what is left; a process that ends normally closes by itself.
"""

import atexit
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO


class LineWriter:
    """`every`: seconds a line may wait. `note(n)`: the line that says that n were dropped."""

    def __init__(
        self,
        stream: TextIO,
        note: Callable[[int], str] = "{} log lines dropped".format,
        *,
        limit: int = 50_000,
        every: float = 0.1,
    ) -> None:
        self.dropped = 0  # in all, since the start
        self._said = 0
        self._stream, self._note, self._limit, self._every = stream, note, limit, every
        self._lines: deque[str] = deque()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def put(self, line: str, urgent: bool = False) -> None:
        """Queue a line (without its newline); `urgent` has it written now rather than soon."""
        if len(self._lines) >= self._limit:
            self.dropped += 1
            return
        self._lines.append(line)
        if self._closed:
            self._write()
        elif urgent:
            self._wake.set()

    def close(self, patience: float = 5.0) -> None:
        """Write what waits, and stop. Lines put later are written at once."""
        atexit.unregister(self.close)
        self._closed = True
        self._wake.set()
        self._thread.join(patience)
        if not self._thread.is_alive():  # else the stream is stuck, and so should we be
            self._write()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait(self._every)
            self._wake.clear()
            self._write()

    def _write(self) -> None:
        with self._writing:
            batch = [self._lines.popleft() for _ in range(len(self._lines))]
            dropped, count = self.dropped, len(batch)
            if dropped > self._said:
                batch.append(self._note(dropped - self._said))
            if not batch:
                return
            try:
                self._stream.write("\n".join(batch) + "\n")
                self._stream.flush()
                self._said = dropped
            except (OSError, ValueError):  # the reader is gone or the stream closed: nowhere to say
                self.dropped += count

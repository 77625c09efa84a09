"""An alarm that rings within some 0.1 ms; an event loop's own timers know whole milliseconds.

A kernel timer is a file that becomes readable at a moment, so the loop may sleep until then like
for any other file. Where there is none the loop's timers must do, and the lateness that a run
reports shows it.
"""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable

_MONOTONIC, _NONBLOCK_CLOEXEC, _ABSOLUTE = 1, 0o2004000, 1


class _Spec(ctypes.Structure):
    """struct itimerspec: the interval, which stays 0, and the moment."""

    _fields_ = [(name, ctypes.c_long) for name in ("every_s", "every_ns", "at_s", "at_ns")]


class Alarm:
    """Calls back once for each `set`; a later `set` replaces the moment."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring, self._loop = ring, asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._file = -1
        if sys.platform == "linux":
            self._kernel = ctypes.CDLL(None, use_errno=True)
            self._file = self._kernel.timerfd_create(_MONOTONIC, _NONBLOCK_CLOEXEC)
        if self._file >= 0:
            self._spec = _Spec()
            self._by_reference = ctypes.byref(self._spec)
            self._loop.add_reader(self._file, self._rang)

    @property
    def exact(self) -> bool:
        return self._file >= 0

    def set(self, moment: float) -> None:
        """Ring at `moment` of time.monotonic(); at once where that has passed."""
        if self._file < 0:
            if self._handle is not None:
                self._handle.cancel()
            wait = max(0.0, moment - time.monotonic())
            self._handle = self._loop.call_later(wait, self._ring)
            return
        whole = int(moment)
        self._spec.at_s, self._spec.at_ns = whole, max(1, int((moment - whole) * 1e9))
        self._kernel.timerfd_settime(self._file, _ABSOLUTE, self._by_reference, None)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1

    def _rang(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:  # set again since
            return
        self._ring()

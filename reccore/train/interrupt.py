"""Ctrl-C that waits for the step to end, so that it can be saved."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """Within it the first SIGINT only sets `requested`; a second one interrupts at once.

    Signals belong to the main thread: elsewhere, or where SIGINT is ignored, it does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: Any = None
        self._installed = False

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            if self._previous != signal.SIG_IGN:
                signal.signal(signal.SIGINT, self._handle)
                self._installed = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._installed:
            previous = self._previous  # None: set by code outside Python
            signal.signal(
                signal.SIGINT, signal.default_int_handler if previous is None else previous
            )

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

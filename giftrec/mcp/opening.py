"""Opens the catalogue beside the talk: an assistant that starts a server waits for no large one.

Reading 100,000 gifts for the first time takes minutes; assistants give up after one. So the
handshake and the lists are answered at once, and the calls that need gifts wait for them.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from reccore.errors import UserError

T = TypeVar("T")
log = logging.getLogger(__name__)


class Opening(Generic[T]):
    """What `make` makes, in a thread of its own, which nobody waits for at the end."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._made: Future[T] = Future()
        threading.Thread(target=self._run, args=(make,), name="opening", daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether it is there, or never will be."""
        return self._made.done()

    @property
    def done(self) -> bool:
        """Whether it is there."""
        return self.over and self._made.exception() is None

    def result(self) -> T:
        """Wait for it; raises what went wrong."""
        return self._made.result()

    def _run(self, make: Callable[[], T]) -> None:
        try:
            self._made.set_result(make())
        except Exception as error:
            said = str(error) if isinstance(error, UserError) else type(error).__name__
            log.error("the catalogue cannot be opened: %s", said)
            self._made.set_exception(error)

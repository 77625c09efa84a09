"""Looks now and then whether another catalogue went live, in a thread of its own."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


def follow(look: Callable[[], object], every_s: float) -> threading.Event:
    """Call `look` until the event that comes back is set. What it raises is logged by its kind."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(every_s):
            try:
                look()
            except Exception as error:
                log.error("the catalogue could not be looked at: %s", type(error).__name__)

    threading.Thread(target=watch, name="catalogue", daemon=True).start()
    return stop

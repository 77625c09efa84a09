"""What the server says of itself: on stderr, and without a word of what it was asked.

stdout belongs to the protocol. The SDK's own lines name sessions and quote what failed, so of them
only warnings are kept, and of exceptions only the kind and the place.
"""

import logging
from typing import TextIO

from reccore.serve.logs import Form, Logs, install, scrubbed


def quiet(level: str, form: Form, stream: TextIO | None = None) -> Logs:
    logs = install(level, form, stream)
    logs.handler.addFilter(_without_words)
    sdk = logging.getLogger("mcp")
    sdk.setLevel(max(logging.WARNING, logging.getLogger().level))
    return logs


def _without_words(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and record.name.partition(".")[0] == "mcp":
        record.exc_info = None
        vars(record).update(scrubbed(error))
    return True

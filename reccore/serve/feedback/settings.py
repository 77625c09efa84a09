"""Where feedback is kept, and for how long."""

import time
from pathlib import Path

from pydantic import Field

from reccore.config import Settings


class FeedbackSettings(Settings):
    """The defaults suit one machine; replicas share a Postgres."""

    url: str = Field(default="feedback.sqlite", repr=False)
    """A file, `sqlite:///file`, or `postgresql://...`; it may hold a password: never shown."""
    spool: Path = Path("feedback-spool")
    """Folder for the events that wait while Postgres does not answer; survives the process."""
    spool_mb: int = Field(default=32, ge=1, le=1024)
    """Bound of the spool, about 180,000 events; its events are held in memory as well (x 4)."""
    retention_days: int = Field(default=395, ge=1)
    """Thirteen months: a year's season can be compared with the same one before."""

    def cutoff(self, now: float | None = None) -> int:
        """What `expire` is to be called with, daily."""
        return int(time.time() if now is None else now) - self.retention_days * 86_400

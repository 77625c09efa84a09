"""Where recommendations are kept, and for how long."""

import time

from pydantic import Field

from reccore.config import Settings


class KeptSettings(Settings):
    """The defaults suit one machine; replicas share a Postgres, which may be the feedback's."""

    url: str = Field(default="recommendations.sqlite", repr=False)
    """A file, `sqlite:///file`, or `postgresql://...`; it may hold a password: never shown."""
    retention_days: int = Field(default=395, ge=1)
    """As long as feedback is kept: without the recommendation, an event teaches nothing."""

    def cutoff(self, now: float | None = None) -> int:
        """What `expire` is to be called with, daily."""
        return int(time.time() if now is None else now) - self.retention_days * 86_400

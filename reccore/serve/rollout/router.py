"""Which arm answers a request: sticky, by hash, the same on every replica.

A unit's bucket never changes while a plan lasts; it belongs to the challenger when the bucket lies
below the share. So a share that is raised only moves units from champion to challenger.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

from reccore.experiment.assign import bucket_after, fnv32a
from reccore.serve.rollout.plan import Plan

Arm = Literal["champion", "challenger"]


def unit_of(
    user: str | None = None, session: str | None = None, history: Sequence[object] = ()
) -> str:
    """What stays with one arm: the user, else the session, else this very history.

    The kinds are kept apart, so that user 5 and session 5 are drawn on their own. Who sends only a
    history may change arms as it grows: nothing else is known of them.
    """
    if user is not None:
        return f"user:{user}"
    if session is not None:
        return f"session:{session}"
    text = json.dumps(list(history), default=str, ensure_ascii=True)
    return f"history:{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


class Router:
    """A plan at work beside one champion; make a new one when either changes."""

    def __init__(self, plan: Plan, champion: str | None) -> None:
        self.plan, self.champion = plan, champion
        self.halted: str | None = None
        self._tries = plan.tries(champion)
        self._canary, self._shadow = fnv32a(plan.seed), fnv32a(f"shadow:{plan.seed}")

    @property
    def challenger(self) -> str | None:
        """The version to hold ready beside the champion, if any."""
        return self.plan.version if self._tries and self.halted is None else None

    def halt(self, why: str) -> None:
        """Send everybody to the champion from now on, here, whatever becomes of the file."""
        self.halted = self.halted or why

    def arm(self, unit: str) -> Arm:
        """Who answers; steps of the share finer than 0.0001 do not count."""
        return "challenger" if self._below(self.plan.share, self._canary, unit) else "champion"

    def shadows(self, unit: str) -> bool:
        """Whether the challenger answers too, unseen. Drawn apart from the arm: of those that the
        champion answers, the same share is shadowed."""
        return self._below(self.plan.shadow, self._shadow, unit)

    def _below(self, share: float, state: int, unit: str) -> bool:
        if share <= 0 or not self._tries or self.halted is not None:
            return False
        return share >= 1 or bucket_after(state, unit) < share

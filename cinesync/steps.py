"""Steps that are done once: each is recorded with the hash of what it depended on.

A step whose hash is the recorded one, and whose result is still there, is kept; any other is done
again. The record is one file, replaced whole after each step, so a kill at any moment loses the
step it interrupts and no other.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reccore.config import Tree
from reccore.errors import UserError
from reccore.files import write_atomic

Outcome = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """What this call did about one step."""

    name: str
    kept: bool
    seconds: float


class Ledger:
    """The record of a work folder's steps: name -> key, outcome, seconds, finished."""

    def __init__(self, path: Path, say: Say = lambda _: None) -> None:
        self.path, self.say = path, say
        self.steps: list[Step] = []

    def step(
        self,
        name: str,
        needs: Tree,
        do: Callable[[], Outcome],
        still: Callable[[Outcome], bool] = lambda _: True,
    ) -> Outcome:
        """The recorded outcome where it holds; else do the step, record it, and return its own.

        `needs`: settings and outcomes it depends on. `still`: is the result there, unchanged?
        """
        key, known = _digest(needs), self.read().get(name)
        if known is not None and known["key"] == key and still(known["outcome"]):
            outcome: Outcome = known["outcome"]
            if name not in [step.name for step in self.steps]:
                self.steps.append(Step(name, True, 0.0))
                self.say(f"{name}: done before")
            return outcome
        self.say(f"{name} ...")
        began = time.perf_counter()
        outcome = json.loads(json.dumps(do()))  # as a later call will read it
        seconds = round(time.perf_counter() - began, 3)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"key": key, "outcome": outcome, "seconds": seconds, "finished": now}
        self._write({**self.read(), name: entry})
        self.steps.append(Step(name, False, seconds))
        return outcome

    def outcome(self, name: str) -> Outcome | None:
        """What was recorded last, whatever it depended on."""
        known = self.read().get(name)
        return None if known is None else dict(known["outcome"])

    def forget(self, name: str) -> None:
        self._write({known: entry for known, entry in self.read().items() if known != name})

    def read(self) -> dict[str, Any]:
        try:
            steps = json.loads(self.path.read_text(encoding="utf-8"))["steps"]
            whole = all({"key", "outcome"} <= entry.keys() for entry in steps.values())
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise UserError(f"{self.path} is corrupt", "delete it: every step is done again")
        return dict(steps)

    def _write(self, steps: dict[str, Any]) -> None:
        write_atomic(self.path, json.dumps({"steps": steps}, indent=1) + "\n")


def _digest(needs: Tree) -> str:
    text = json.dumps(needs, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()

"""Which bundles answer now: loaded, warmed up, and swapped whole when the registry says so.

Every process watches the registry's small files. A command line, the API of any replica or an
automatic rollback changes them; all replicas follow within a second. An answer takes what answers
once, at its start, so that none mixes two versions; the old one goes with its last answer.
"""

import asyncio
import gc
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from reccore.bundle.manifest import NAME as MANIFEST
from reccore.bundle.manifest import Manifest
from reccore.bundle.registry import ALIASES, Registry
from reccore.errors import UserError
from reccore.serve.rollout import Plan, Router, path_of, read, stop

B = TypeVar("B")
Sign = tuple[int, int, int] | None
log = logging.getLogger("serve")
SELDOM = (20_000, 50, 1_000)  # looking for garbage: answers leave none in circles, entries are many


@dataclass(frozen=True)
class Opened(Generic[B]):
    """What a product made of a folder: a bundle that has answered."""

    bundle: B
    generation: int
    seconds: float  # of one answer, once warm


@dataclass(frozen=True)
class Serving(Generic[B]):
    """A version that answers."""

    version: str
    opened: Opened[B]
    since: float

    @property
    def bundle(self) -> B:
        return self.opened.bundle

    @property
    def label(self) -> str:
        """Version and generation: what an answer says it came from."""
        return f"{self.version}.{self.opened.generation}"


class State(NamedTuple, Generic[B]):
    """What answers at one moment; replaced whole."""

    champion: Serving[B]
    challenger: Serving[B] | None
    plan: Plan
    router: Router


Open = Callable[[Path], Opened[B]]


class Live(Generic[B]):
    """The champion, and a challenger while one is tried."""

    def __init__(self, registry: Registry, name: str, open_: Open[B]) -> None:
        self.registry, self.name, self._open = registry, name, open_
        self.state: State[B] | None = None
        self.problem: str | None = None  # why what the registry says does not answer
        self._signs: list[Sign] | None = None
        self._one = asyncio.Lock()

    async def look(self) -> bool:
        """Follow the registry; True if something changed. What cannot be loaded changes nothing."""
        async with self._one:
            signs = self._read_signs()
            if signs == self._signs:
                return False
            try:
                before, self.state = self.state, await self._follow()
            except (UserError, OSError) as error:
                if self.state is None:
                    raise
                if str(error) != self.problem:
                    log.error("the registry cannot be followed: %s", error)
                self.problem = str(error)
                return False
            self._signs = signs if before is not None else self._read_signs()
            return True

    async def _follow(self) -> State[B]:
        """The champion must load; a challenger that does not is said, and nobody gets it."""
        version = self.registry.version(self.name, "champion")
        champion = await self._loaded(version)
        plan, challenger, problem = Plan.none(), None, None
        try:
            plan = read(self.registry, self.name)
            if plan.tries(version):
                assert plan.version is not None
                challenger = await self._loaded(plan.version)
        except (UserError, OSError) as error:
            problem = f"no version is tried: {error}"
            log.error("%s", problem)
            if plan.running:
                await asyncio.to_thread(stop, self.registry, self.name, problem, plan.id)
            plan = Plan.none()
        self.problem = problem
        return State(champion, challenger, plan, Router(plan, version))

    async def _loaded(self, version: str) -> Serving[B]:
        folder = self.registry.root / self.name / version
        generation = Manifest.read(folder).generation
        for there in () if self.state is None else (self.state.champion, self.state.challenger):
            if there is not None and (there.version, there.opened.generation) == (
                version,
                generation,
            ):
                return there
        began = time.perf_counter()
        opened = await asyncio.to_thread(self._open, folder)
        gc.collect()
        gc.freeze()  # a catalogue's ids and titles never become garbage one by one: do not look
        gc.set_threshold(*SELDOM)
        took = time.perf_counter() - began
        log.info("%s %s is loaded and warm after %.2f s", self.name, version, took)
        return Serving(version, opened, time.time())

    def _read_signs(self) -> list[Sign]:
        """What changes when the registry does: cheap to ask."""
        home = self.registry.root / self.name
        files = [home / ALIASES, path_of(self.registry, self.name)]
        if self.state is not None:
            held = [one for one in (self.state.champion, self.state.challenger) if one is not None]
            files += [home / one.version / MANIFEST for one in held]
        return [_sign(file) for file in files]


def _sign(file: Path) -> Sign:
    """Files that are replaced, never written into, differ by their inode."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

"""What a product gives the server: how a folder becomes a bundle, a request an answer."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from reccore.bundle.registry import Registry
from reccore.serve.answers import shown
from reccore.serve.live import Opened, Serving
from reccore.serve.settings import ServeSettings
from reccore.serve.work import Turns

if TYPE_CHECKING:
    from reccore.serve.server import Server

B = TypeVar("B")
Job = Callable[[], bytes]
"""Makes a JSON object whose last member is `degraded`."""


@dataclass(frozen=True)
class Staged:
    """A job in stages, each in its turn; what is awaited between them holds up nobody."""

    run: Callable[[Turns], Awaitable[bytes]]


def nothing_else(serving: Serving[Any]) -> bytes:
    """The answer depends on version, generation and request alone."""
    return b""


def always() -> bool:
    return True


@dataclass(frozen=True)
class Question(Generic[B]):
    """A request before anybody answers it."""

    user: str  # "" where nobody known asks
    unit: str  # what stays with one arm
    request: bytes  # canonical: the same question has the same bytes
    make: Callable[[Serving[B]], Awaitable[tuple[Job | Staged, tuple[str, ...]]]]
    """What must be known first, then the job, and what is degraded."""
    stands_on: Callable[[Serving[B]], bytes] = nothing_else
    """What else of who answers the answer depends on: a part of its key in the cache."""
    keep: Callable[[], bool] = always
    """Asked once the answer is made: whether the cache may give it to others."""
    shown: Callable[[bytes], list[str]] = shown
    """The items of an answer, best first, to compare two versions by."""


class Product(Protocol[B]):
    """One product; subclass it for what most products have no need of."""

    name: str
    registry: Registry

    def open(self, folder: Path, settings: ServeSettings) -> Opened[B]:
        """Load a bundle and have it answer a few requests; blocking."""
        ...

    def facts(self, bundle: B) -> dict[str, Any]:
        """What the operator may want to know of a bundle that answers."""
        ...

    def frequent(self, bundle: B, most: int) -> Iterable[Question[B]]:
        """What is likely to be asked: answered ahead."""
        ...

    def forget(self, folder: Path, user: str) -> bool:
        """Remove a person from a bundle; False where there is none. Blocking."""
        ...

    def problem(self, bundle: B) -> str | None:
        """What is wrong with what a bundle stands on, though it answers."""
        return None

    def beside(self, server: "Server[B]") -> AbstractAsyncContextManager[None]:
        """What begins once the server has begun, and ends before it ends."""
        return nullcontext()

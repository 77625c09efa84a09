"""What a slower level of the cache is: shared between replicas, reached over a wire or a file."""

from dataclasses import dataclass
from typing import Any, Protocol

from reccore.serve.cache.ear import Hearing
from reccore.serve.cache.key import Key


@dataclass(frozen=True, slots=True)
class Got:
    """A level's reply: a value or none, and what must be handed back with a value made now.

    `stamp` was taken before the answer is made, so that feedback which arrives while it is being
    made outdates it. `said` is a degradation in words, or "".
    """

    value: bytes | None = None
    stamp: object = None
    age_s: float = 0.0
    said: str = ""


class Level(Protocol):
    """Failures are said, never raised: a level that fails makes answers slower, not wrong."""

    @property
    def name(self) -> str: ...

    async def open(self, hearing: Hearing) -> None: ...

    async def get(self, key: Key) -> Got: ...

    async def put(self, key: Key, value: bytes, stamp: object) -> None: ...

    async def forget(self, person: str) -> str:
        """Never answer again what was made before now; "" when all replicas are told so."""
        ...

    async def close(self) -> None: ...

    def facts(self) -> dict[str, Any]: ...

"""Answers made beforehand, for users who surely come: read by servers, written by a job.

Two homes: a DuckDB file (`snapshot`), which replicas of one machine or one shared folder read, and
Postgres (`postgres`), for replicas anywhere. Both hold lists of named bundles and answer for no
other, and both remember who was forgotten since a job began to read its data, in the order of a
counter of their own, not by clocks:

    begun = begin(path)                   # before the job reads anything
    rows = ...                            # read, compute
    write(path, bundle, rows, begun)      # a user forgotten since `begun` stays forgotten
"""

from dataclasses import dataclass
from hashlib import blake2b

from reccore.serve.cache.key import Key, hash_user

SILENT = "precomputed lists do not answer: slower, not wrong"


@dataclass(frozen=True)
class Bundle:
    """Which bundle made a list."""

    product: str
    name: str
    version: str
    generation: int

    @classmethod
    def of(cls, key: Key) -> "Bundle":
        return cls(key.product, key.name, key.version, key.generation)

    def __str__(self) -> str:
        return f"{self.product}/{self.name} {self.version}.{self.generation}"


@dataclass(frozen=True)
class Row:
    """One list: whose, for which request, the answer's bytes."""

    user: str  # external id, or "" for anybody
    request: bytes  # canonical, as in Key
    value: bytes
    experiment: str = ""

    @property
    def person(self) -> str:
        return hash_user(self.user)

    @property
    def asked(self) -> str:
        return blake2b(self.request, digest_size=16).hexdigest()

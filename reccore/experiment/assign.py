"""Who gets which variation: GrowthBook's assignment, after its published specification.

A unit (a user id, a session key) and a seed are hashed to a bucket in [0, 1); each variation holds
a range of buckets. The same unit and seed always fall into the same bucket, on every machine and in
every language that follows the specification, so no assignment is ever stored.

Version 2 hashes twice, which frees the buckets of two seeds from each other. Version 1 is kept for
namespaces, which the specification hashes that way.

Specification: https://docs.growthbook.io/lib/build-your-own. The hash is FNV-1a, 32 bits, over
UTF-16 code units.
"""

import logging
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reccore.errors import UserError

Range = tuple[float, float]
OUTSIDE = -1  # the variation of whoever is in no range
_OFFSET, _PRIME, _MASK = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
_MODULUS = {1: 1_000, 2: 10_000}
_TOLERANCE = 0.01  # by how much weights may miss a sum of 1
_log = logging.getLogger(__name__)


def fnv32a(text: str, start: int = _OFFSET) -> int:
    """FNV-1a of the UTF-16 code units; `fnv32a(a + b) == fnv32a(b, fnv32a(a))`."""
    state = start
    units = text.encode() if text.isascii() else np.frombuffer(_utf16(text), dtype="<u2").tolist()
    for unit in units:
        state = (state ^ unit) * _PRIME & _MASK
    return state


def bucket(seed: str, value: str, version: int = 2) -> float:
    """Where a unit falls, in [0, 1): in steps of 0.0001 (version 2) or 0.001 (version 1)."""
    if version == 2:
        return bucket_after(fnv32a(seed), value)
    if version == 1:
        return fnv32a(value + seed) % _MODULUS[1] / _MODULUS[1]
    raise UserError(f"hash version {version} is not known", "use 2 (or 1)")


def bucket_after(state: int, value: str) -> float:
    """Version 2 where the seed is hashed already: `bucket(s, v) == bucket_after(fnv32a(s), v)`."""
    return fnv32a(str(fnv32a(value, state))) % _MODULUS[2] / _MODULUS[2]


def bucket_ranges(
    variations: int, coverage: float = 1.0, weights: Sequence[float] | None = None
) -> list[Range]:
    """The range of each variation; `coverage` shortens every range, and moves none of the starts.

    As specified, weights that cannot be meant (a wrong number of them, negative ones, a sum that is
    not 1) count as equal ones; the log says so. Whoever takes them from people checks them before.
    """
    if variations < 1:
        raise UserError(f"{variations} variations", "at least 1 is needed")
    if math.isnan(coverage):
        raise UserError("coverage is not a number", "a share from 0 to 1")
    covered = min(max(coverage, 0.0), 1.0)
    chosen = [1 / variations] * variations
    if weights is not None:
        if _usable(weights, variations):
            chosen = list(weights)
        else:
            _log.warning("weights %s do not fit %s variations: equal ones", weights, variations)
    ranges, start = [], 0.0
    for weight in chosen:
        ranges.append((start, start + covered * weight))
        start += weight
    return ranges


def choose(at: float, ranges: Sequence[Range]) -> int:
    """The variation whose range holds the bucket; OUTSIDE where none does."""
    for variation, (start, end) in enumerate(ranges):
        if start <= at < end:
            return variation
    return OUTSIDE


def assign(seed: str, value: str, ranges: Sequence[Range], version: int = 2) -> int:
    """The variation of one unit."""
    return choose(bucket(seed, value, version), ranges)


def in_namespace(user: str, namespace: tuple[str, float, float]) -> bool:
    """Whether a user belongs to a part (start, end) of a namespace.

    Experiments in disjoint parts of one namespace never share a user.
    """
    name, start, end = namespace
    return start <= bucket("__" + name, user, version=1) < end


def assign_many(
    seed: str, values: Sequence[str], ranges: Sequence[Range], version: int = 2
) -> npt.NDArray[np.int64]:
    """`assign` of every value; each -> [len(values)]."""
    at = bucket_many(seed, values, version)
    chosen = np.full(len(at), OUTSIDE, dtype=np.int64)
    for variation, (start, end) in enumerate(ranges):
        chosen[(chosen == OUTSIDE) & (start <= at) & (at < end)] = variation
    return chosen


def bucket_many(seed: str, values: Sequence[str], version: int = 2) -> npt.NDArray[np.float64]:
    """`bucket` of every value; -> [len(values)]."""
    if version == 1:
        return _fnv_many([value + seed for value in values], _OFFSET) % _MODULUS[1] / _MODULUS[1]
    if version == 2:
        once = _fnv_many(values, fnv32a(seed))
        return _fnv_many([str(h) for h in once.tolist()], _OFFSET) % _MODULUS[2] / _MODULUS[2]
    raise UserError(f"hash version {version} is not known", "use 2 (or 1)")


def _fnv_many(texts: Sequence[str], start: int) -> npt.NDArray[np.uint32]:
    """Position by position over all texts that are that long."""
    encoded = [_utf16(text) for text in texts]
    units = np.frombuffer(b"".join(encoded), dtype="<u2").astype(np.uint32)
    lengths = np.array([len(e) // 2 for e in encoded], dtype=np.int64)
    begins = np.cumsum(lengths) - lengths
    states = np.full(len(texts), start, dtype=np.uint32)
    for position in range(int(lengths.max(initial=0))):
        rows = np.flatnonzero(lengths > position)
        states[rows] = (states[rows] ^ units[begins[rows] + position]) * np.uint32(_PRIME)
    return states


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _usable(weights: Sequence[float], variations: int) -> bool:
    return (
        len(weights) == variations
        and all(math.isfinite(w) and w >= 0 for w in weights)
        and abs(sum(weights) - 1) <= _TOLERANCE
    )

"""Every random draw is a function of (seed, purpose, epoch, step), so a resumed run repeats it."""

import hashlib
import json

import numpy as np


def derive(seed: int, *parts: int | str) -> int:
    """A 63-bit seed of its own for each purpose: stable across machines, processes, versions.

    `derive(7, "negatives", epoch, step)` shares nothing with `derive(7, "batches", epoch)`.
    """
    tree = [part if isinstance(part, str) else int(part) for part in (seed, *parts)]
    digest = hashlib.blake2b(json.dumps(tree).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def rng(seed: int, *parts: int | str) -> np.random.Generator:
    """A numpy generator for one purpose."""
    return np.random.default_rng(derive(seed, *parts))

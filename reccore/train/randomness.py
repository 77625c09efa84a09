"""A training's random numbers are functions of (seed, step), and leave the caller's alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.utils.deterministic

memory: Any = torch.utils.deterministic  # its one attribute is a property of the module


def reseed(seed: int, device: torch.device) -> None:
    """Set torch's global generators. (`torch.manual_seed` costs 0.3 ms where CUDA is absent.)"""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def isolated(device: torch.device) -> Iterator[None]:
    """Give the global generators back as they were."""
    if device.type == "cpu":
        with torch.random.fork_rng(devices=[]):
            yield
    else:
        index = device.index if device.index is not None else 0
        with torch.random.fork_rng(devices=[index], device_type=device.type):
            yield


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Algorithms that give the same bits each time, for the duration.

    (`torch.use_deterministic_algorithms` does the same and imports the compiler, 2 s.)
    """
    mode = torch.get_deterministic_debug_mode()
    filling = memory.fill_uninitialized_memory
    if wanted:
        torch.set_deterministic_debug_mode("error")
        memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        memory.fill_uninitialized_memory = filling

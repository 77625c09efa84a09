"""A training's random numbers are functions of (seed, step), and leave the caller's alone."""

import os
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
        torch.cuda.default_generators[cuda_index(device)].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def isolated(device: torch.device) -> Iterator[None]:
    """Give the global generators of the CPU and of a CUDA device back as they were."""
    devices = [cuda_index(device)] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draws on the CPU that are a function of the seed, the caller's generator untouched."""
    cpu = torch.device("cpu")
    with isolated(cpu):
        reseed(seed, cpu)
        yield


def cuda_index(device: torch.device) -> int:
    return torch.cuda.current_device() if device.index is None else device.index


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Algorithms that give the same bits each time, for the duration.

    A CPU needs it too: the gradient of `table[rows]` sums in the order its threads arrive.
    (`torch.use_deterministic_algorithms` does the same and imports the compiler, 2 s.)
    """
    mode = torch.get_deterministic_debug_mode()
    filling = memory.fill_uninitialized_memory
    if wanted:
        if torch.cuda.is_available():  # what its matrix products need for it
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.set_deterministic_debug_mode("error")
        memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        memory.fill_uninitialized_memory = filling

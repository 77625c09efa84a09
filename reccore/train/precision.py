"""Where and in which number format a training runs.

Parameters stay in fp32; autocast picks the format of each operation. bf16 has the range of fp32
and needs no scaler; fp16 does (Micikevicius et al., arXiv:1710.03740). On a CPU without bf16
units autocast is slower than fp32 (0.48x measured), so "auto" leaves fp32 there.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch

from reccore.errors import UserError

Precision = Literal["auto", "fp32", "bf16", "fp16"]
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(name: str) -> torch.device:
    """The device of that name; "auto" is CUDA where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device {name!r} cannot be used: {reason}", "try cpu or auto") from None
    return device


def resolve(precision: Precision, device: torch.device) -> Literal["fp32", "bf16", "fp16"]:
    if precision != "auto":
        return precision
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


class Caster:
    """Autocast for the forward pass, and the scaler of fp16 (a no-op for the others)."""

    def __init__(self, precision: Precision, device: torch.device) -> None:
        self.device = device
        self.name = resolve(precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.name == "fp16")

    def autocast(self) -> AbstractContextManager[Any]:
        if self.name == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=DTYPES[self.name])

    def step(self, optimizer: torch.optim.Optimizer, finite: bool) -> bool:
        """Step unless the gradients are not finite; False where no step was made.

        The scaler drops a step silently: only its scale, which falls then, tells of it.
        """
        before = self.scaler.get_scale()
        if finite:
            self.scaler.step(optimizer)
        self.scaler.update()
        return finite and self.scaler.get_scale() >= before


def place(batch: Mapping[str, Any], device: torch.device) -> Mapping[str, Any]:
    """The batch with its tensors, and what else can move, on `device`."""
    if device.type == "cpu":
        return batch
    return {
        key: value.to(device, non_blocking=True) if hasattr(value, "to") else value
        for key, value in batch.items()
    }

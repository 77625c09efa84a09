"""Losses of the next item: what should have scored best after each state.

The full softmax is computed in one pass over chunks of states: a chunk's logits become its
gradient in place and are forgotten, so that batch x length x items never exists, and the backward
pass costs nothing more. Sampled losses stand each target against negatives: softmax with the logQ
correction, and binary cross entropy, plain or with gBCE's correction of the confidence that comes
of seeing few negatives (Petrov & Macdonald 2023, arXiv:2308.07192).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cinesync.models.sampled import MASKED

CHUNK = {"cpu": 256, "cuda": 8192}  # states; on a CPU their logits then stay in its cache
TINY = 1e-37  # the smallest probability whose logarithm is taken


class FullSoftmax(torch.autograd.Function):
    """Sum of the cross entropies of targets among all items.

    `short`: products of bf16 numbers, summed in fp32; logits are then good to 1/256 of themselves.
    """

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        table: Tensor,
        bias: Tensor,
        targets: Tensor,
        smoothing: float,
        short: bool,
    ) -> Tensor:
        """States [P, d], table [I, d], bias [I], targets [P] -> scalar."""
        kind = torch.bfloat16 if short else torch.float32
        items, count = table.to(kind), len(table)
        of_states = torch.empty_like(states)
        of_table, of_bias = torch.zeros_like(table), torch.zeros_like(bias)
        total = torch.zeros((), device=states.device)
        size = CHUNK.get(states.device.type, CHUNK["cuda"])
        with torch.autocast(states.device.type, enabled=False):
            for start in range(0, len(states), size):
                some = states[start : start + size].to(kind)
                right = targets[start : start + size, None]
                logits = (some @ items.T).float().add_(bias)  # [C, I]
                if smoothing:
                    total += smoothing * (logits.logsumexp(1) - logits.mean(1)).sum()
                share = torch.softmax(logits, 1, out=logits)
                likely = share.gather(1, right).clamp_min_(TINY)
                total -= (1 - smoothing) * likely.log().sum()
                share.scatter_add_(1, right, share.new_full(right.shape, smoothing - 1))
                if smoothing:
                    share -= smoothing / count
                of_bias += share.sum(0)
                share = share.to(kind)
                of_states[start : start + size] = share @ items
                of_table += share.T @ some
        ctx.save_for_backward(of_states, of_table, of_bias)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        return *(part * upstream[0] for part in ctx.saved_tensors), None, None, None


def full_softmax(
    states: Tensor,
    table: Tensor,
    bias: Tensor,
    targets: Tensor,
    smoothing: float = 0.0,
    short: bool = False,
) -> Tensor:
    """States [P, d] against all items [I, d] with bias [I]; targets [P]: a sum."""
    loss: Tensor = FullSoftmax.apply(states, table, bias, targets, smoothing, short)  # type: ignore[no-untyped-call]
    return loss


def quick_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 faster than fp32."""
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


def sampled_softmax(
    right: Tensor, wrong: Tensor, log_counts: Tensor | None, smoothing: float = 0.0
) -> Tensor:
    """Logits of targets [P] and of negatives [P, M], MASKED where one is the target: a sum.

    `log_counts` [M]: how often each negative is expected to be drawn (logQ); the target, which is
    there once for certain, is not corrected.
    """
    corrected = wrong if log_counts is None else wrong - log_counts
    normaliser = torch.logaddexp(corrected.logsumexp(1), right)
    loss = normaliser - right
    if smoothing:
        there = wrong > MASKED / 2
        mean = (wrong.masked_fill(~there, 0).sum(1) + right) / (there.sum(1) + 1)
        loss = (1 - smoothing) * loss + smoothing * (normaliser - mean)
    return loss.sum()


def binary(right: Tensor, wrong: Tensor, power: float = 1.0) -> Tensor:
    """Binary cross entropy of targets [P] and negatives [P, M]: a sum.

    The target's probability is raised to `power`, see `confidence`.
    """
    return power * functional.softplus(-right).sum() + functional.softplus(wrong).sum()


def confidence(negatives: int, items: int, calibration: float) -> float:
    """gBCE's power: 1 is plain BCE; at calibration 1 scores are as if all items had been seen."""
    rate = negatives / (items - 1)
    return rate * (calibration * (1 - 1 / rate) + 1 / rate)

"""Softmax over a catalogue, whole or sampled: several positives a user, multinomial likelihood.

    loss = sum over targets t of user u:  log Z_u - s(u, t)
    Z_u  = sum of exp s(u, i) over all items i that u has not been shown          (full)
    Z_u ~= sum over u's targets + sum over drawn n of exp(s(u, n) - log E[count n])   (sampled)

The likelihood is Mult-DAE's (Liang et al. 2018). The subtracted logarithm is the logQ correction
(Bengio & Senecal 2008; Yi et al. 2019): the sum over drawn items is then unbiased for the sum over
all of them. A drawn item that the user has met is masked, never a negative.
"""

from typing import Literal

import torch
from torch import Tensor

Proposal = Literal["uniform", "popularity"]
MASKED = -1e30  # a logit that counts for nothing; finite, for -inf - -inf is NaN in gradients


class SharedNegatives:
    """Items drawn once for all users of a batch, with replacement, by popularity^alpha."""

    def __init__(self, popularity: Tensor, kind: Proposal, alpha: float) -> None:
        weights = popularity.double().clamp(min=1.0) ** (alpha if kind == "popularity" else 0.0)
        self.q = weights / weights.sum()  # [I]

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        at = torch.rand(n, generator=generator, dtype=torch.float64)
        return torch.searchsorted(self.q.cumsum(0), at).clamp(max=len(self.q) - 1)

    def log_counts(self, items: Tensor, n: int) -> Tensor:
        """Log of how often n draws are expected to give each item: what logQ subtracts."""
        return (self.q[items] * n).log().float()


def full_softmax(
    logits: Tensor, rows: Tensor, items: Tensor, weights: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Weighted sum. Logits [B, I], MASKED at what was shown; targets (rows, items): [P]."""
    normaliser = logits.logsumexp(1)  # [B]
    loss = normaliser[rows] - logits[rows, items]
    if smoothing:
        loss = _smooth(loss, normaliser, logits, smoothing, rows)
    return (weights * loss).sum()


def sampled_softmax(
    targets: Tensor,
    rows: Tensor,
    negatives: Tensor,
    known: Tensor,
    log_counts: Tensor | None,
    weights: Tensor,
    smoothing: float = 0.0,
) -> Tensor:
    """The same from target logits [P], shared negatives' logits [B, M] and what is `known` [B, M].

    With every item drawn once (log_counts 0) it equals the full softmax.
    """
    corrected = negatives if log_counts is None else negatives - log_counts
    drawn = corrected.masked_fill(known, MASKED).logsumexp(1)  # [B]
    own = _segment_logsumexp(targets, rows, len(negatives))  # [B]
    normaliser = torch.logaddexp(drawn, own)
    loss = normaliser[rows] - targets
    if smoothing:
        masked = negatives.masked_fill(known, MASKED)
        loss = _smooth(loss, normaliser, masked, smoothing, rows)
    return (weights * loss).sum()


def hard_softmax(targets: Tensor, rows: Tensor, hard: Tensor, picks: Tensor) -> Tensor:
    """Each target against picks [P, r] of its user's best scored strangers [B, K]: a sum."""
    against = hard[rows[:, None], picks]  # [P, r]
    return (torch.cat([targets[:, None], against], 1).logsumexp(1) - targets).sum()


def hardest(logits: Tensor, known: Tensor, top: int) -> Tensor:
    """Columns of the `top` best scored items a user has not met: [B, K]."""
    masked = logits.detach().masked_fill(known, MASKED)
    return masked.topk(min(top, logits.shape[1]), dim=1).indices


def _smooth(
    loss: Tensor, normaliser: Tensor, logits: Tensor, smoothing: float, rows: Tensor
) -> Tensor:
    """A share of each target is spread evenly over the items that are not masked."""
    open_ = logits > MASKED / 2
    mean = logits.masked_fill(~open_, 0.0).sum(1) / open_.sum(1).clamp(min=1)  # [B]
    return (1 - smoothing) * loss + smoothing * (normaliser - mean)[rows]


def _segment_logsumexp(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """Over values [P] of each row: [count]; MASKED where a row has none."""
    peak = values.new_full((count,), MASKED).scatter_reduce(0, rows, values.detach(), "amax")
    sums = values.new_zeros(count).index_add(0, rows, (values - peak[rows]).exp())
    return torch.where(sums > 0, sums, 1.0).log() + peak

"""Comparisons of gifts as tensors: what was heard from people, row by row.

Of two gifts the better one's appeal was the larger. With normal appeals of independent tastes,
that has the probability Phi((m - m') / sqrt(s^2 + s'^2)) (Thurstone 1927, case III).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from giftrec.catalog.world import World
from giftrec.learn.heard import Heard


@dataclass(frozen=True)
class Comparisons:
    """[N, K] pairs of gifts of N rows; a row that has fewer is filled with weights of 0."""

    better: Tensor
    worse: Tensor
    weight: Tensor

    @classmethod
    def of(cls, before: int, heard: Sequence[Heard], world: World) -> "Comparisons":
        """`before` rows without any, then those that were heard."""
        rows = before + len(heard)
        most = max((len(one.preferred) for one in heard), default=0)
        better, worse = torch.zeros(rows, most).long(), torch.zeros(rows, most).long()
        weight = torch.zeros(rows, most)
        for row, one in enumerate(heard, start=before):
            for place, pair in enumerate(one.preferred):
                better[row, place] = world.index[pair.better]
                worse[row, place] = world.index[pair.worse]
                weight[row, place] = pair.weight
        return cls(better, worse, weight)


def comparison_loss(
    mean: Tensor, spread: Tensor, better: Tensor, worse: Tensor, weight: Tensor
) -> Tensor:
    """[B] -log likelihood of the pairs [B, K], given appeals [B, G]."""
    apart = mean.gather(1, better) - mean.gather(1, worse)
    scale = (spread.gather(1, better) ** 2 + spread.gather(1, worse) ** 2).sqrt()
    unlikely: Tensor = -torch.special.log_ndtr(apart / scale) * weight
    return unlikely.sum(1)

"""The category matcher: which kinds of gifts to look among.

A category is as good as its best gift, so the score stands on the rewards before asking; attention
between the profile and the categories' own vectors says what the rewards have missed.
"""

import torch
from torch import Tensor, nn

from giftrec.model.settings import ModelSettings

SOFTNESS = 0.02  # of the maximum over a category's gifts
NONE = -1.0  # score of a category without gifts


class CategoryMatcher(nn.Module):
    """Fused profile [B, D], category vectors [C, D], rewards [B, G] -> logits [B, C]."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.deep_scale = settings.deep_scale
        self.query = nn.Linear(settings.width, settings.width)
        self.key = nn.Linear(settings.width, settings.width)
        self.scale = nn.Parameter(torch.tensor(12.0))
        self.bar = nn.Parameter(torch.tensor(0.75))  # share of the best that still is expected
        self.attention = nn.Parameter(torch.tensor(0.1))

    def forward(self, fused: Tensor, category: Tensor, expected: Tensor, of_gift: Tensor) -> Tensor:
        best = best_of_category(expected, of_gift, len(category))  # [B, C]
        top = best.amax(1, keepdim=True).clamp_min(0.02)
        match = self.query(fused) @ self.key(category).T / category.shape[1] ** 0.5
        said = self.deep_scale * self.attention * match
        logits: Tensor = self.scale * (best / top - self.bar) + said
        return logits


def best_of_category(expected: Tensor, of_gift: Tensor, categories: int) -> Tensor:
    """[B, G] rewards -> [B, C]: a smooth maximum over each category's gifts."""
    member = nn.functional.one_hot(of_gift, categories).bool()  # [G, C]
    spread = torch.where(member, expected[:, :, None], -torch.inf)  # [B, G, C]
    best = SOFTNESS * torch.logsumexp(spread / SOFTNESS, dim=1)
    return torch.where(member.any(0), best, NONE)

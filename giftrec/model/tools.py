"""The tool selector: which facts are worth asking for, and about which gifts.

Each tool has a sign of its own (an unsure price, an unsure arrival, care for quality or fashion),
and a network for what the signs do not say. Both see the recipient in the context of the gifts:
how well each may be received, and how unsure its price and its arrival are.
"""

import torch
from torch import Tensor, nn

from giftrec.model.reward import Reward
from giftrec.model.settings import ModelSettings
from giftrec.vocabulary import TOOLS

COLUMNS = 8
SHARPNESS = (4.0, 16.0)  # of the weights over gifts: the whole shelf, and the best few
BEST = COLUMNS + 1  # where the columns of the best few begin in `context`


class ToolSelector(nn.Module):
    """Fused profile [B, D] and the reward before asking -> logits [B, 5]."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        hidden, size = settings.tool_hidden, settings.width + 2 + (COLUMNS + 1) * len(SHARPNESS)
        self.deep = nn.Sequential(
            nn.Linear(size, hidden),
            nn.SiLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, len(TOOLS)),
        )
        self.deep_scale = settings.deep_scale
        self.scale = nn.Parameter(torch.ones(len(TOOLS)))  # of each tool's own sign
        self.bias = nn.Parameter(torch.zeros(len(TOOLS)))

    def forward(self, fused: Tensor, before: Reward, care: Tensor) -> Tensor:
        """`care` [B, 2]: how much quality and fashion matter to the recipient."""
        around = context(before)
        deep = self.deep(torch.cat([fused, 10 * care, around], dim=1))
        afford, arrive = around[:, BEST + 3], around[:, BEST + 4]
        care_log = torch.log(care.clamp_min(1e-3) / 0.1)
        signs = torch.stack([afford, care_log[:, 0], arrive, care_log[:, 1], afford], dim=1)
        logits: Tensor = self.bias + self.scale * signs + self.deep_scale * deep
        return logits


def context(before: Reward) -> Tensor:
    """[B, (COLUMNS + 1) * 2] what the gifts look like to the recipient before asking."""
    afford, arrive = torch.sigmoid(before.afford), torch.sigmoid(before.arrive)
    appeal = before.appeal
    columns = torch.stack(
        [
            appeal,
            afford,
            arrive,
            4 * afford * (1 - afford),
            4 * arrive * (1 - arrive),
            before.expected,
            appeal * afford,
            appeal * arrive,
        ],
        dim=2,
    )  # [B, G, K]
    parts = []
    for sharp in SHARPNESS:
        weight = torch.softmax(sharp * appeal * before.chance.sqrt(), dim=1)  # [B, G]
        parts.append((weight[..., None] * columns).sum(1))
        evenness = -(weight * torch.log(weight.clamp_min(1e-9))).sum(1, keepdim=True)
        parts.append(evenness / 4)
    return torch.cat(parts, dim=1)

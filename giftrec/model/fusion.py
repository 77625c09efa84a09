"""Gift encodings, and the cross-modal fusion: what a profile sees when it looks over the gifts.

Gifts are encoded once a batch, not once a pair. In the fusion a profile attends to all gifts,
each weighed by how well it may be received, and takes away one vector: what is on offer for them.
"""

import torch
from torch import Tensor, nn

from giftrec.model.inputs import Catalogue
from giftrec.model.settings import ModelSettings

LISTING = 7


class TextEncoder(nn.Module):
    """Texts as weighted sums of the vectors of their hashed words (fastText, arXiv:1607.01759)."""

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(buckets, width)
        nn.init.normal_(self.table.weight, std=width**-0.5)

    def forward(self, buckets: Tensor, weight: Tensor) -> Tensor:
        """[N, L] rows and weights -> [N, D]"""
        if torch.compiler.is_exporting():  # ONNX has no bags, and would loop over the texts
            rows: Tensor = self.table(buckets)
            return (rows * weight[..., None]).sum(1)
        bag: Tensor = nn.functional.embedding_bag(
            buckets, self.table.weight, mode="sum", per_sample_weights=weight
        )
        return bag


class GiftEncoder(nn.Module):
    """Gifts [G] -> [G, D], from their text, words and listing; categories share their vectors."""

    def __init__(self, settings: ModelSettings, occasions: int) -> None:
        super().__init__()
        width = settings.width
        self.text = TextEncoder(settings.text_buckets, width)
        self.occasions = nn.Linear(occasions, width, bias=False)
        self.listing = nn.Linear(LISTING, width)
        self.deep = nn.Sequential(
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(width, width),
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, gifts: Catalogue, text: Tensor, category: Tensor, hobbies: Tensor, preferences: Tensor
    ) -> Tensor:
        """`text` [G, D]; `category` [C, D], `hobbies` [H, D], `preferences` [P, D]: embeddings."""
        own = category[gifts.category] + gifts.hobbies @ hobbies + gifts.preferences @ preferences
        own = own + text + self.occasions(gifts.occasions)
        own = own + self.listing(listing_features(gifts))
        encoded: Tensor = self.norm(own + self.deep(own))
        return encoded


def listing_features(gifts: Catalogue) -> Tensor:
    """[G, 7]"""
    columns = (
        torch.log(gifts.price / 4000),
        gifts.fees / gifts.price,
        33 * gifts.volatility - 0.7,
        gifts.lead_days / 3 - 1,
        torch.log1p(gifts.stock) - 2.5,
        gifts.rating,
        gifts.demand,
    )
    return torch.stack(columns, dim=1)


class Round(nn.Module):
    """One round of attention from profiles to gifts, then a feed-forward part; pre-norm.

    Keys and values are projected on the profile's side, which has fewer rows than there are gifts.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width, self.heads = settings.width, settings.fusion_heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.trust = nn.Parameter(torch.ones(self.heads))  # in the reward, when looking
        self.forwards = nn.Sequential(
            nn.Linear(width, settings.fusion_hidden),
            nn.SiLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.fusion_hidden, width),
        )

    def forward(self, x: Tensor, gift: Tensor, reward: Tensor) -> Tensor:
        """x: [B, D], gift: [G, D], reward: [B, G] -> [B, D]"""
        shape = (self.heads, -1, gift.shape[1])
        key, value = (part.weight.view(shape) for part in (self.key, self.value))  # [A, d, D]
        q = self.query(self.before(x)).unflatten(1, (self.heads, -1))  # [B, A, d]
        sought = torch.einsum("bad,adk->bak", q, key)  # [B, A, D] keys need not touch the gifts
        scores = torch.einsum("bak,gk->bag", sought, gift) / q.shape[-1] ** 0.5
        weight = torch.softmax(scores + self.trust[:, None] * 8 * reward[:, None], dim=-1)
        seen = torch.einsum("bag,gk->bak", weight, gift)  # [B, A, D] and neither need values
        values = torch.einsum("bak,adk->bad", seen, value).flatten(1) + self.value.bias
        x = x + self.out(values)
        mixed: Tensor = x + self.forwards(self.between(x))
        return mixed


class Fusion(nn.Module):
    """Rounds of looking over the gifts: [B, D] -> [B, D]."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.rounds = nn.ModuleList(Round(settings) for _ in range(settings.fusion_layers))

    def forward(self, profile: Tensor, gift: Tensor, reward: Tensor) -> Tensor:
        for one in self.rounds:
            profile = one(profile, gift, reward)
        return profile

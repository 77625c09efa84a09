"""The profile encoder: a recipient as one vector.

Hobbies and preferences are sets: each is pooled by attention, so that order cannot matter and an
empty set is a learned vector of its own.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from giftrec.model.inputs import Recipients, Words
from giftrec.model.settings import ModelSettings
from giftrec.vocabulary import Vocabulary

NUMBERS = 6


class SetPool(nn.Module):
    """Embeddings of a set's words, weighed by how much each matters.

    A word's vector is its own plus that of its kind, so that rare words learn from their kin.
    """

    def __init__(self, kind: Sequence[str], kinds: Sequence[str], width: int) -> None:
        super().__init__()
        self.own = nn.Embedding(len(kind), width)
        self.kin = nn.Embedding(len(kinds), width)
        nn.init.normal_(self.own.weight, std=0.5 * width**-0.5)
        nn.init.normal_(self.kin.weight, std=width**-0.5)
        order = {name: code for code, name in enumerate(kinds)}
        self.kind: Tensor
        self.register_buffer("kind", torch.tensor([order[name] for name in kind]), False)
        self.matters = nn.Linear(width, 1)
        self.empty = nn.Parameter(torch.zeros(width))

    def table(self) -> Tensor:
        """[W, D]"""
        table: Tensor = self.own.weight + self.kin(self.kind)
        return table

    def forward(self, members: Tensor) -> Tensor:
        """members: [B, W] of 0 and 1 -> [B, D]"""
        table = self.table()
        weight = self.matters(table).squeeze(-1).exp() * members  # [B, W]
        total = weight.sum(1, keepdim=True)
        pooled = weight @ table / total.clamp_min(1e-6)
        return torch.where(total > 0, pooled, self.empty)


class ProfileEncoder(nn.Module):
    """Recipients [B] -> [B, D]."""

    def __init__(self, settings: ModelSettings, words: Vocabulary) -> None:
        super().__init__()
        width = settings.width
        self.hobbies = SetPool(tuple(words.hobbies.values()), words.levels("hobby_category"), width)
        self.preferences = SetPool(
            tuple(words.preferences.values()), words.levels("preference_type"), width
        )
        self.relationship = nn.Embedding(len(words.levels("relationship")), width)
        self.occasion = nn.Embedding(len(words.levels("occasion")), width)
        for table in (self.relationship, self.occasion):
            nn.init.normal_(table.weight, std=width**-0.5)
        self.numbers = nn.Linear(NUMBERS, width)
        sizes = (5 * width, *settings.profile_hidden)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.SiLU(), nn.Dropout(settings.dropout)]
        self.deep = nn.Sequential(*layers, nn.Linear(sizes[-1], width), nn.LayerNorm(width))

    def forward(self, who: Recipients) -> Tensor:
        parts = (
            self.hobbies(who.hobbies),
            self.preferences(who.preferences),
            self.relationship(who.relationship),
            self.occasion(who.occasion),
            self.numbers(numbers(who)),
        )
        encoded: Tensor = self.deep(torch.cat(parts, dim=1))
        return encoded


def plain(who: Recipients, words: Words) -> Tensor:
    """[B, F] the recipient's kinds, relationship, occasion and numbers, with nothing learned."""
    one_hot = nn.functional.one_hot
    return torch.cat(
        [
            (who.hobbies @ words.hobby_kind).clamp_max(1),
            (who.preferences @ words.preference_kind).clamp_max(1),
            one_hot(who.relationship, len(words.closeness)).float(),
            one_hot(who.occasion, len(words.personal)).float(),
            numbers(who),
        ],
        dim=1,
    )


def plain_width(words: Vocabulary) -> int:
    """The F of `plain`."""
    factors = ("hobby_category", "preference_type", "relationship", "occasion")
    return sum(len(words.levels(factor)) for factor in factors) + NUMBERS


def numbers(who: Recipients) -> Tensor:
    """[B, 6] age, budget and days left, each as a slope and a bend."""
    age = (who.age - 45) / 20
    budget = torch.log(who.budget / 8000) / 1.2
    days = torch.log1p(who.days_left) - 2
    return torch.stack([age, age**2 - 1, budget, budget**2 - 1, days, days**2 - 1], dim=1)

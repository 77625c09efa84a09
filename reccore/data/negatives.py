"""Negatives in one vectorised draw: never a known positive, all of it from one generator.

Uniform, by popularity^alpha (Mikolov et al., 2013) with the log-probabilities that the logQ
correction subtracts (Yi et al., 2019), or hard: the best scored of a few uniform candidates
(dynamic negative sampling, Zhang et al., 2013).
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor

from reccore.config import Settings
from reccore.data.interactions import Interactions
from reccore.data.positives import Positives
from reccore.errors import UserError

__all__ = ["HARD_1_4", "HARD_1_5", "NegativeSampler", "NegativeSettings", "Positives"]

_TRIES = 4  # redraws made at once
Score = Callable[[Tensor, Tensor], Tensor]  # users [B], items [B, C] -> scores [B, C]


class NegativeSettings(Settings):
    """How negatives are drawn."""

    kind: Literal["uniform", "popularity", "hard"] = Field(
        "uniform", description="all items alike, by their popularity, or the best scored of a few"
    )
    per_positive: int = Field(1, ge=1, description="negatives of each positive (ratio 1:n)")
    alpha: float = Field(
        0.75, ge=0, description="popularity: the exponent; 0 is uniform, 1 the raw counts"
    )
    candidates: int = Field(
        32, ge=1, validate_default=True, description="hard: how many are scored a positive"
    )
    redraws: int = Field(
        16, ge=0, description="tries after a positive, before the exact, slower draw takes over"
    )

    @field_validator("candidates")
    @classmethod
    def _enough(cls, candidates: int, info: ValidationInfo) -> int:
        wanted = info.data.get("per_positive", 1)
        if info.data.get("kind") == "hard" and candidates < wanted:
            raise ValueError(f"must be at least per_positive ({wanted})")
        return candidates


HARD_1_4 = NegativeSettings(kind="hard", per_positive=4)
HARD_1_5 = NegativeSettings(kind="hard", per_positive=5)


class NegativeSampler:
    """Draws items that users have not met. Tensors live where `to` put them."""

    def __init__(self, positives: Positives, popularity: Tensor, settings: NegativeSettings):
        assert len(popularity) == positives.items
        self.positives = positives
        self.settings = settings
        alpha = settings.alpha if settings.kind == "popularity" else 0.0
        weights = (
            popularity.double().clamp(min=1.0) ** alpha
        )  # an item never met weighs as met once
        self._log_q = (weights / weights.sum()).log().float()  # [I]
        self._upper = (weights / weights.sum()).cumsum(0)  # [I]
        self._uniform = alpha == 0
        self._reset()

    @classmethod
    def of(cls, data: Interactions, settings: NegativeSettings) -> "NegativeSampler":
        """A sampler of the training rows: their pairs and their popularity."""
        popularity = np.bincount(data.items, minlength=len(data.item_ids))
        return cls(Positives.of(data), torch.from_numpy(popularity), settings)

    def to(self, device: torch.device | str) -> "NegativeSampler":
        self.positives = self.positives.to(device)
        self._log_q, self._upper = self._log_q.to(device), self._upper.to(device)
        return self

    def log_q(self, items: Tensor) -> Tensor:
        """Log-probability of proposing these items, for the logQ correction: float32.

        Of the proposal: before a user's positives are taken out, and before the hard ones are
        picked (which has no closed form).
        """
        return self._log_q[items.long()]

    def draw(
        self, users: Tensor, n: int, generator: torch.Generator, score: Score | None = None
    ) -> Tensor:
        """Negatives of each user: [B] -> [B, n] int64. `score` ranks the candidates if hard."""
        users = users.long()
        known = self.positives.knows_all(users)
        if known is not None:
            raise UserError(
                f"user {known!r} has met all {self.positives.items} items: no negative is left",
                "leave that user out of training, or use a loss without negatives",
            )
        if self.settings.kind != "hard":
            return self._outside(users, n, generator)
        assert score is not None, "hard negatives need a function that scores them"
        candidates = self._outside(users, max(n, self.settings.candidates), generator)  # [B, C]
        return self._hardest(users, candidates, n, score)

    def _outside(self, users: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """Draws that are no positives: [B, n]. Rejection, then exactly where that fails."""
        items = self._propose(len(users) * n, generator)  # [B * n]
        owner = users.repeat_interleave(n) if n > 1 else users
        open_ = torch.nonzero(self.positives.contains(owner, items)).squeeze(1)
        self._drawn += len(items)
        self._rejected += len(open_)
        left = self.settings.redraws
        while left > 0 and len(open_) > 0:
            tries = min(left, _TRIES)
            again = self._propose(len(open_) * tries, generator).view(-1, tries)  # [M, tries]
            free = ~self.positives.contains(owner[open_, None], again)
            first = free.byte().argmax(dim=1, keepdim=True)
            items[open_] = again.gather(1, first).squeeze(1)
            open_ = open_[~free.gather(1, first).squeeze(1)]
            left -= tries
        if len(open_):
            self._exact += len(open_)
            items[open_] = self._race(owner[open_], generator)
        return items.view(len(users), n)

    def _propose(self, size: int, generator: torch.Generator) -> Tensor:
        device = self._upper.device
        if self._uniform:
            return torch.randint(self.positives.items, (size,), generator=generator, device=device)
        at = torch.rand(size, generator=generator, dtype=torch.float64, device=device)
        place = torch.searchsorted(self._upper, at * self._upper[-1], right=True)
        return place.clamp_(max=self.positives.items - 1)

    def _race(self, users: Tensor, generator: torch.Generator) -> Tensor:
        """One draw a row from what is left of q without the positives: [M] -> [M].

        Exponential clocks of rate q race; the first one to ring is a draw from q. Positives do
        not run, so the distribution is that of rejection without end.
        """
        every = torch.arange(self.positives.items, device=users.device)
        winners = []
        for part in torch.split(users, max(1, 2**22 // self.positives.items)):  # [m], m * I bounded
            clocks = torch.empty((len(part), len(every)), device=users.device)
            waits = clocks.exponential_(generator=generator).log_() - self._log_q
            waits.masked_fill_(self.positives.contains(part[:, None], every), torch.inf)
            winners.append(waits.argmin(dim=1))
        return torch.cat(winners)

    @torch.no_grad()
    def _hardest(self, users: Tensor, candidates: Tensor, n: int, score: Score) -> Tensor:
        """The n best scored of the candidates, each once as long as there are n: [B, n]."""
        candidates = candidates.sort(dim=1).values
        scores = score(users, candidates).float()  # [B, C]
        again = torch.zeros_like(candidates, dtype=torch.bool)
        again[:, 1:] = candidates[:, 1:] == candidates[:, :-1]
        best = scores.masked_fill(again, -torch.inf).topk(n, dim=1).indices  # [B, n]
        self._hard += float(scores.gather(1, best).mean()) * len(users)
        self._random += float(scores.mean()) * len(users)
        self._scored += len(users)
        return candidates.gather(1, best)

    def statistics(self) -> dict[str, float]:
        """Figures since the last call; reading them resets them."""
        figures = {
            "negatives_redrawn": self._rejected / max(self._drawn, 1),  # hit a positive at first
            "negatives_exact": float(self._exact),  # drawn by the exact fallback
        }
        if self.settings.kind == "hard" and self._scored:
            hard, random = self._hard / self._scored, self._random / self._scored
            figures |= {"negatives_hard": hard, "negatives_random": random}
            figures["negatives_gap"] = hard - random
        self._reset()
        return figures

    def _reset(self) -> None:
        self._drawn = self._rejected = self._exact = self._scored = 0
        self._hard = self._random = 0.0

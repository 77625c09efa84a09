"""The reward predictor: how a gift will be received, from parts that can be looked at.

appeal  what the recipient would feel, a normal variable clipped to [0, 1] (a two-limit Tobit,
        Rosett & Nelson 1975): mean from the pair, care for quality and fashion from the profile
afford  the chance that price and fees fit the budget
arrive  the chance that it is in stock and there in time

A tool's fact replaces a chance by certainty: what is known to be over budget, out of stock or late
has a reward of exactly 0. Where quality or fashion is unknown its spread widens the appeal's.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from giftrec.inputs import FEES, LEAD, PRICE, QUALITY, TREND
from giftrec.model.belief import Belief
from giftrec.model.inputs import Catalogue, Facts, Recipients
from giftrec.model.pairs import NAMES
from giftrec.model.settings import ModelSettings

FORMULA = (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, -0.3, -0.3, 0.1)  # the visible one, equal weights
REACH = 8.0  # of the chances' networks: logits go further than weights do


@dataclass(frozen=True)
class Reward:
    """Of every gift, for every recipient: [B, G] each."""

    mean: Tensor  # of the appeal before clipping
    spread: Tensor  # its standard deviation, > 0
    afford: Tensor  # logit; -inf or +inf where known
    arrive: Tensor

    def detached(self) -> "Reward":
        """The same figures, as inputs that teach their makers nothing."""
        parts = (self.mean, self.spread, self.afford, self.arrive)
        return Reward(*(part.detach() for part in parts))

    @property
    def appeal(self) -> Tensor:
        return clipped_mean(self.mean, self.spread)

    @property
    def chance(self) -> Tensor:
        return torch.sigmoid(self.afford) * torch.sigmoid(self.arrive)

    @property
    def expected(self) -> Tensor:
        """The satisfaction to expect, in [0, 1]."""
        return self.appeal * self.chance


class RewardPredictor(nn.Module):
    """Pair features, encodings and facts -> Reward."""

    def __init__(self, settings: ModelSettings, plain: int, categories: int) -> None:
        """`plain`: width of the recipient's plain features, which the wide part stands on."""
        super().__init__()
        width, hidden = settings.width, settings.reward_hidden
        seen = len(NAMES) + 1  # + semantic similarity, which is learned from the same receptions
        self.weigh = Belief(seen, mean=(*FORMULA, 0.0), spread=(*[0.03] * len(NAMES), 0.005))
        self.base = Belief(1, mean=-0.2, spread=0.1)
        self.suits = Belief(categories, plain, spread=0.01)  # categories that suit a recipient
        self.popular = Belief(categories, spread=0.05)
        self.care = Belief(2, plain, spread=0.7)  # for quality, for fashion
        self.caring = Belief(2, mean=-2.0, spread=0.5)
        self.listed = Belief(2, mean=0.3, spread=0.1)  # what rating and demand tell of today
        self.log_spread = Belief(1, mean=math.log(0.4), spread=0.2)
        self.of_profile, self.of_gift = nn.Linear(width, hidden), nn.Linear(width, hidden)
        self.of_pair = nn.Linear(seen, hidden)
        self.bend = Belief(hidden, spread=0.01)
        self.dropout, self.deep_scale = nn.Dropout(settings.dropout), settings.deep_scale
        self.afford = nn.Sequential(nn.Linear(7, 16), nn.SiLU(), nn.Linear(16, 1))
        self.arrive = nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 1))

    def forward(
        self,
        who: Recipients,
        gifts: Catalogue,
        facts: Facts,
        pairs: Tensor,  # [B, G, F + 1]
        plain: Tensor,  # [B, P]
        profile: Tensor,  # [B, D]
        gift: Tensor,  # [G, D]
    ) -> Reward:
        mixed = self.of_profile(profile)[:, None] + self.of_gift(gift) + self.of_pair(pairs)
        bent = self.deep_scale * (self.dropout(nn.functional.silu(mixed)) @ self.bend())
        suited = nn.functional.linear(plain, self.suits(), self.popular())  # [B, C]
        base = self.base() + pairs @ self.weigh() + bent + suited[:, gifts.category]
        quality_care, trend_care = self.cares(plain).unbind(1)
        listed = self.listed()
        mean, unknown = base, torch.zeros_like(base)
        for care, tool, today, seen, told in (
            (quality_care, QUALITY, facts.quality, gifts.rating, listed[0]),
            (trend_care, TREND, facts.trend, gifts.demand, listed[1]),
        ):
            known = facts.known[:, tool, None]
            mean = mean + care[:, None] * (known * today + (1 - known) * told * seen)
            unknown = unknown + (1 - known) * (care[:, None] ** 2) * (1 - told**2).clamp_min(0)
        spread = (torch.exp(2 * self.log_spread()) + unknown).sqrt()
        return Reward(
            mean, spread, self._afford(who, gifts, facts), self._arrive(who, gifts, facts)
        )

    def surprise(self) -> Tensor:
        """-log prior of the weights: how far they are from what was believed before any data.

        Set against the likelihood of all receptions, it makes training a maximum a posteriori
        estimate: few scenarios move the weights little, many move them freely.
        """
        beliefs = (part for part in self.modules() if isinstance(part, Belief))
        return torch.stack([belief.surprise() for belief in beliefs]).sum()

    def cares(self, plain: Tensor) -> Tensor:
        """[B, 2] by how much one standard score of quality, and of fashion, moves the appeal."""
        cares: Tensor = nn.functional.softplus(
            nn.functional.linear(plain, self.care(), self.caring())
        )
        return cares

    def _afford(self, who: Recipients, gifts: Catalogue, facts: Facts) -> Tensor:
        """[B, G] logit of fitting the budget; certain where both parts of the cost are known."""
        known_price, known_fees = (facts.known[:, t, None] for t in (PRICE, FEES))
        price = torch.where(known_price > 0, facts.price, gifts.price)
        fees = torch.where(known_fees > 0, facts.fees, gifts.fees)
        budget = who.budget[:, None]
        slack = (budget - price - fees) / gifts.price
        ratio = torch.log(budget / (price + fees).clamp_min(1)).clamp(-3, 3)
        moves = (33 * gifts.volatility - 0.7).expand_as(slack)
        known_price, known_fees = known_price.expand_as(slack), known_fees.expand_as(slack)
        slack = slack.clamp(-3, 3)
        columns = (
            slack,
            ratio,
            moves,
            known_price,
            known_fees,
            slack * known_price,
            slack * known_fees,
        )
        guess = REACH * self.afford(torch.stack(columns, dim=2)).squeeze(-1) + 2 * slack
        told = known_price * facts.price + known_fees * facts.fees  # of the cost, for certain
        guess = torch.where(told > budget, -torch.inf, guess)
        both = (known_price * known_fees) > 0
        return torch.where(both, certain(price + fees <= budget), guess)

    def _arrive(self, who: Recipients, gifts: Catalogue, facts: Facts) -> Tensor:
        """[B, G] logit of being in stock and in time; certain where the stock was checked."""
        left = who.days_left[:, None]
        slack = ((left - gifts.lead_days) / 5).clamp(-2, 3)
        stock = (torch.log1p(gifts.stock) - 2.5).expand_as(slack)
        columns = (slack, stock, slack * stock, slack**2)
        guess = REACH * self.arrive(torch.stack(columns, dim=2)).squeeze(-1)
        checked = (facts.known[:, LEAD, None] > 0).expand_as(guess)
        return torch.where(checked, certain(facts.lead_days <= left), guess)


def certain(holds: Tensor) -> Tensor:
    """The logit of a known truth."""
    return torch.where(holds, torch.inf, -torch.inf)


def clipped_mean(mean: Tensor, spread: Tensor) -> Tensor:
    """The mean of a normal variable that is clipped to [0, 1]."""
    return (excess(mean, spread) - excess(mean - 1, spread)).clamp(0, 1)


def excess(mean: Tensor, spread: Tensor) -> Tensor:
    """E[max(0, X)] of a normal X."""
    z = mean / spread
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    above: Tensor = mean * torch.special.ndtr(z) + spread * density
    return above


def tobit_loss(mean: Tensor, spread: Tensor, received: Tensor) -> Tensor:
    """-log likelihood of satisfactions in [0, 1] with heaps at both ends, element by element."""
    z = (received - mean) / spread
    inside = z**2 / 2 + torch.log(spread) + math.log(2 * math.pi) / 2
    at_0 = -torch.special.log_ndtr(-mean / spread)
    at_1 = -torch.special.log_ndtr((mean - 1) / spread)
    return torch.where(received <= 0, at_0, torch.where(received >= 1, at_1, inside))

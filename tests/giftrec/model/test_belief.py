"""Parameters with a prior: their value, their surprise, and one rate for every size."""

import math

import pytest
import torch

from giftrec.model.belief import STRIDE, Belief


def test_before_any_data_it_is_its_mean_and_surprises_nobody() -> None:
    belief = Belief(2, 3, mean=(1.0, 2.0, 3.0), spread=(0.1, 0.2, 0.3))
    assert belief().tolist() == [[1.0, 2.0, 3.0]] * 2
    assert belief.surprise().item() == 0


def test_surprise_is_the_negative_log_of_a_normal_prior() -> None:
    belief = Belief(3, mean=(0.5, 0.0, -1.0), spread=(0.1, 2.0, 0.03))
    torch.nn.init.normal_(belief.moved, std=0.05)
    prior = torch.distributions.Normal(belief.mean, belief.spread)
    most = prior.log_prob(belief.mean).sum()
    said = belief.surprise()
    assert said.item() == pytest.approx((most - prior.log_prob(belief()).sum()).item(), rel=1e-4)


def test_one_rate_moves_each_by_its_own_spread() -> None:
    belief = Belief(2, spread=(1.0, 0.01))
    optimiser = torch.optim.Adam(belief.parameters(), lr=1e-3)
    (belief() * torch.tensor([-1.0, -5.0])).sum().backward()  # uphill for both
    optimiser.step()
    step = 1e-3 * STRIDE
    assert belief().tolist() == pytest.approx([step, step * 0.01], rel=1e-3)


def test_weak_evidence_moves_it_little_and_strong_evidence_moves_it_all_the_way() -> None:
    """The posterior of a normal mean is known in closed form."""
    for count in (1, 400):
        belief = Belief(1, spread=0.1)
        seen = torch.full((count,), 1.0)
        optimiser = torch.optim.LBFGS(belief.parameters(), line_search_fn="strong_wolfe")

        def loss(
            belief: Belief = belief,
            seen: torch.Tensor = seen,
            optimiser: torch.optim.Optimizer = optimiser,
        ) -> torch.Tensor:
            optimiser.zero_grad()
            total = ((seen - belief()) ** 2).sum() / 2 + belief.surprise()
            total.backward()  # type: ignore[no-untyped-call]
            return total

        for _ in range(20):
            optimiser.step(loss)
        posterior = count / (count + 1 / 0.1**2)
        assert math.isclose(belief().item(), posterior, rel_tol=1e-3)

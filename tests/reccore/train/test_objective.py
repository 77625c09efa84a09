import math

import pytest
import torch

from reccore.errors import UserError
from reccore.train.objective import Objective, ObjectiveSettings, balance
from reccore.train.task import Term


def terms(a, b):
    return {"a": Term(torch.tensor(a), 2.0), "b": Term(torch.tensor(b), 4.0)}


TOTALS = {"a": 2.0, "b": 4.0}


def test_fixed_weights():
    objective = Objective(ObjectiveSettings(weights={"b": 0.5}), ("a", "b"))
    assert objective(terms(6.0, 8.0), TOTALS, 1.0).item() == 3.0 + 0.5 * 2.0
    assert objective.weights() == {"a": 1.0, "b": 0.5}
    assert not list(objective.parameters())


def test_a_term_of_weight_zero_cannot_spoil_the_loss():
    objective = Objective(ObjectiveSettings(weights={"b": 0.0}), ("a", "b"))
    assert objective(terms(6.0, math.nan), TOTALS, 1.0).item() == 3.0


def test_no_elements_no_loss():
    objective = Objective(ObjectiveSettings(), ("a", "b"))
    assert objective(terms(6.0, 0.0), {"a": 2.0, "b": 0.0}, 1.0).item() == 3.0


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"weights": {"c": 1.0}}, r"unknown term 'c' \(known: a, b\)"),
        ({"weights": {"a": -1.0}}, "must not be negative"),
        ({"weights": {"a": 0.0, "b": 0.0}}, "all train.objective.weights are 0"),
        ({"weights": {"a": 0.0}, "mode": "uncertainty"}, "must be above 0"),
    ],
)
def test_bad_weights_are_named(settings, problem):
    with pytest.raises(UserError, match=problem):
        Objective(ObjectiveSettings(**settings), ("a", "b"))


def test_uncertainty_is_the_formula_and_parts_sum_to_it():
    chosen = ObjectiveSettings(mode="uncertainty", weights={"a": 2.0})
    objective = Objective(chosen, ("a", "b"))
    assert objective.weights() == pytest.approx({"a": 2.0, "b": 1.0})
    whole = objective(terms(6.0, 8.0), TOTALS, 1.0).item()
    assert whole == pytest.approx(2 * 3 - math.log(2) / 2 + 2)
    parts = [objective(terms(6.0 * p, 8.0 * p), TOTALS, 0.5).item() for p in (0.25, 0.75)]
    assert sum(parts) == pytest.approx(whole)


def test_uncertainty_learns_weights_that_even_out_the_terms():
    objective = Objective(ObjectiveSettings(mode="uncertainty"), ("a", "b"))
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.05)
    for _ in range(600):
        optimizer.zero_grad()
        objective(terms(20.0, 0.4), TOTALS, 1.0).backward()
        optimizer.step()
    learned = objective.weights()  # the minimum: weight * loss = 1/2
    assert learned["a"] * 10.0 == pytest.approx(0.5, rel=0.02)
    assert learned["b"] * 0.1 == pytest.approx(0.5, rel=0.02)
    assert balance({"a": 10.0, "b": 0.1}, learned)["a"] == pytest.approx(0.5, rel=0.02)


def test_balance_sums_to_one_and_bears_zeros():
    assert balance({"a": 3.0, "b": -1.0}, {"a": 1.0, "b": 1.0}) == {"a": 0.75, "b": 0.25}
    assert balance({"a": 0.0}, {"a": 1.0}) == {"a": 0.0}

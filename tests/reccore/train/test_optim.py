import pytest
import torch
from torch import nn

from reccore.errors import UserError
from reccore.train.optim import (
    GroupSettings,
    assert_covered,
    clip,
    gradient_norm,
    make_optimizer,
    resolve_groups,
)
from reccore.train.task import ParameterGroup, default_groups


def groups():
    def one(n):
        return (nn.Parameter(torch.ones(n)),)

    return [
        ParameterGroup("main", one(1)),
        ParameterGroup("main_plain", one(2), decay=False),
        ParameterGroup("user_profile", one(3)),
        ParameterGroup("user_profile_plain", one(4), decay=False),
    ]


def resolved(**overrides):
    chosen = {name: GroupSettings(**values) for name, values in overrides.items()}
    rules = resolve_groups(groups(), chosen, 1e-3, 0.1)
    return {rule.group.name: (rule.lr, rule.weight_decay) for rule in rules}


def test_defaults_and_no_decay_of_plain_groups():
    assert resolved() == {
        "main": (1e-3, 0.1),
        "main_plain": (1e-3, 0.0),
        "user_profile": (1e-3, 0.1),
        "user_profile_plain": (1e-3, 0.0),
    }


def test_plain_groups_follow_their_family():
    got = resolved(user_profile={"lr": 8e-5, "weight_decay": 0.015})
    assert got["user_profile"] == (8e-5, 0.015)
    assert got["user_profile_plain"] == (8e-5, 0.0)
    assert got["main_plain"] == (1e-3, 0.0)


def test_a_plain_group_may_be_named_itself():
    got = resolved(main={"lr": 0.5}, main_plain={"weight_decay": 0.2})
    assert got["main_plain"] == (0.5, 0.2)


def test_an_unknown_group_is_named():
    with pytest.raises(UserError, match=r"'tools' \(known: main, main_plain, user_profile, "):
        resolved(tools={"lr": 1.0})


def test_coverage():
    module = nn.Linear(2, 2)
    assert_covered(module, default_groups(module))
    with pytest.raises(AssertionError, match="bias"):
        assert_covered(module, [ParameterGroup("main", (module.weight,))])
    with pytest.raises(AssertionError, match="two groups"):
        assert_covered(module, default_groups(module) * 2)
    module.bias.requires_grad_(False)
    assert_covered(module, [ParameterGroup("main", (module.weight,))])


def test_steps_are_those_of_adamw_by_hand():
    overrides = {"main": GroupSettings(lr=0.1, weight_decay=0.3)}
    rules = resolve_groups(groups(), overrides, 1e-2, 0.1)
    ours = make_optimizer(rules)
    plain = [torch.ones(n, requires_grad=True) for n in (1, 2, 3, 4)]
    rates = [(0.1, 0.3), (0.1, 0.0), (1e-2, 0.1), (1e-2, 0.0)]
    reference = [
        torch.optim.AdamW([p], lr=lr, weight_decay=decay)
        for p, (lr, decay) in zip(plain, rates, strict=True)
    ]
    for step in range(5):
        for rule, p in zip(rules, plain, strict=True):
            p.grad = torch.full_like(p, 0.1 * (step + 1))
            rule.group.parameters[0].grad = p.grad.clone()
        ours.step()
        for optimizer in reference:
            optimizer.step()
    for rule, p in zip(rules, plain, strict=True):
        torch.testing.assert_close(rule.group.parameters[0].data, p.data)


def test_clipping_scales_to_the_limit():
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(3))]
    parameters[0].grad = torch.tensor([3.0, 4.0])
    norm = gradient_norm(parameters)
    assert norm.item() == 5.0
    clip(parameters, 1.0, norm)
    assert gradient_norm(parameters).item() == pytest.approx(1.0, rel=1e-5)

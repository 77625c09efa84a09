import torch

from cinesync.models.factors import MF, MFSettings
from cinesync.models.sides import Rows
from cinesync.sources.blocks import blocks

WORLD = blocks()


def test_without_layers_it_is_matrix_factorisation() -> None:
    module = MF.build(MFSettings(dim=8, hidden=(), features=False), WORLD).module.eval()
    users, items = torch.arange(5), torch.arange(5)[:, None]
    p, q = module.users.ids.weight[:5], module.items.ids.weight[:5]
    module.users.bias.weight.data += 0.5
    expected = (p * q).sum(1) + 0.5
    torch.testing.assert_close(module(users, items, trained=False).values[:, 0], expected)


def test_the_mlp_begins_as_no_correction() -> None:
    torch.manual_seed(0)
    plain = MF.build(MFSettings(dim=8, hidden=()), WORLD).module.eval()
    deep = MF.build(MFSettings(dim=8, hidden=(16,), norm="batch"), WORLD).module.eval()
    deep.load_state_dict(plain.state_dict(), strict=False)
    users, items = torch.arange(5), torch.arange(10).view(5, 2)
    one, other = (m(users, items, trained=False).values for m in (plain, deep))
    torch.testing.assert_close(one, other)


def test_dropout_spares_the_bias() -> None:
    module = MF.build(MFSettings(dim=64, hidden=(), dropout=0.5), WORLD).module.train()
    vectors, bias = module.user_state(Rows(torch.ones(4, 64), torch.ones(4, 1), None))
    assert (bias == 1).all()
    assert (vectors == 0).any()


def test_the_fast_loop_gives_the_same_loss_and_gradients() -> None:
    settings = MFSettings(dim=8, hidden=(), features=False)
    torch.manual_seed(0)
    module = MF.build(settings, WORLD).module.train()
    users, items = torch.randint(64, (40,)), torch.randint(48, (40, 3))
    assert module.fast
    made = []
    for fast in (True, False):
        module.fast = fast
        module.zero_grad()
        values = module(users, items, trained=True).values
        values.square().sum().backward()
        made.append([values.detach(), *(p.grad.clone() for p in module.parameters())])
    for one, other in zip(*made, strict=True):
        torch.testing.assert_close(one, other)


def test_the_fast_loop_is_for_plain_factors_only() -> None:
    for settings in (
        {"hidden": (8,)},
        {"embedding_l2": 0.1},
        {"dropout": 0.1},
        {"history": "users"},
    ):
        given = {"dim": 8, "hidden": (), "features": False, **settings}
        assert not MF.build(MFSettings.model_validate(given), WORLD).module.fast

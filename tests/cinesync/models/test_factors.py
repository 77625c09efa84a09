import torch

from cinesync.models.factors import MF, MFSettings
from cinesync.models.sides import Rows
from cinesync.sources.blocks import blocks

WORLD = blocks()


def test_without_layers_it_is_matrix_factorisation() -> None:
    module = MF.build(MFSettings(dim=8, hidden=(), features=False), WORLD).module.eval()
    users, items = torch.arange(5), torch.arange(5)[:, None]
    p, q = module.users.ids.weight[:5], module.items.ids.weight[:5]
    expected = (p[:, :-1] * q[:, :-1]).sum(1) + p[:, -1] + q[:, -1]
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
    whole = torch.ones(4, 65)
    state = module.user_state(Rows(whole, None))
    assert (state[:, -1] == 1).all()
    assert (state[:, :-1] == 0).any()

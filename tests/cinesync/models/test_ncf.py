import pytest
import torch
from torch import nn

from cinesync.models.ncf import NCF, NCFSettings, NeuMF, NeuMFSettings
from cinesync.sources.blocks import blocks
from reccore.config import validate
from reccore.errors import UserError

WORLD = blocks()


def test_two_halves_are_the_first_layer() -> None:
    """W [u; i] + b on the concatenation, as the paper has it."""
    module = NCF.build(NCFSettings(dim=8, hidden=(16, 8), features=False), WORLD).module.eval()
    users, items = torch.arange(5), torch.arange(5)
    u, i = module.users.ids.weight[:5], module.items.ids.weight[:5]
    first = nn.Linear(16, 16)
    halves = [module.first.of_users.weight, module.first.of_items.weight]
    first.weight.data = torch.cat(halves, dim=1).detach()
    first.bias.data = module.first.of_users.bias.detach()
    deep = module.mlp(first(torch.cat([u, i], dim=1)))
    scores = module(users, items[:, None], trained=False).values
    torch.testing.assert_close(scores, deep)


def test_attention_equals_torch() -> None:
    """One query, the product, over the four tokens of the pair."""
    module = NeuMF.build(NeuMFSettings(dim=8, hidden=4, heads=2), WORLD).module.eval()
    torch.manual_seed(0)
    query, tokens = torch.randn(5, 8), [torch.randn(5, 16) for _ in range(4)]
    q = query.view(5, 2, 1, 4)
    k, v = (
        torch.stack([t[:, half].view(5, 2, 4) for t in tokens], dim=2)
        for half in (slice(0, 8), slice(8, 16))
    )
    expected = nn.functional.scaled_dot_product_attention(q, k, v).reshape(5, 8)
    torch.testing.assert_close(module._attend(query, tokens), expected)


def test_features_are_a_token() -> None:
    with_them = NeuMF.build(NeuMFSettings(dim=8, hidden=4), WORLD).module.eval()
    rows = with_them.items(torch.arange(3))
    assert rows.words is not None
    assert with_them.item_state(rows)[-1].any()
    without = NeuMF.build(NeuMFSettings(dim=8, hidden=4, features=False), WORLD).module.eval()
    assert not without.item_state(without.items(torch.arange(3)))[-1].any()


def test_heads_share_the_width() -> None:
    with pytest.raises(UserError, match="multiple of heads"):
        validate(NeuMFSettings, {"dim": 10, "heads": 4}, "a test")

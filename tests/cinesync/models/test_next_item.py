import pytest
import torch
from torch import Tensor
from torch.nn import functional

from cinesync.models import next_item
from cinesync.models.next_item import binary, confidence, full_softmax, sampled_softmax
from cinesync.models.sampled import MASKED

ITEMS, STATES, DIM = 30, 50, 8


@pytest.fixture
def parts() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    parameters = (torch.randn(STATES, DIM), torch.randn(ITEMS, DIM), torch.randn(ITEMS))
    states, table, bias = (part.requires_grad_() for part in parameters)
    return states, table, bias, torch.randint(ITEMS, (STATES,))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("chunk", [7, 256])
def test_one_pass_is_the_cross_entropy_and_its_gradient(
    parts: tuple[Tensor, ...], smoothing: float, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(next_item.CHUNK, "cpu", chunk)
    *parameters, targets = parts
    states, table, bias = parameters
    ours = full_softmax(states, table, bias, targets, smoothing)
    theirs = functional.cross_entropy(
        states @ table.T + bias, targets, reduction="sum", label_smoothing=smoothing
    )
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(
        torch.autograd.grad(3 * ours, parameters),
        torch.autograd.grad(3 * theirs, parameters),
        strict=True,
    ):
        torch.testing.assert_close(mine, other)


def test_short_products_are_close(parts: tuple[Tensor, ...]) -> None:
    *parameters, targets = parts
    whole, short = (full_softmax(*parameters, targets, 0.0, how) for how in (False, True))
    assert whole.item() == pytest.approx(short.item(), rel=0.01)
    for exact, near in zip(
        torch.autograd.grad(whole, parameters), torch.autograd.grad(short, parameters), strict=True
    ):
        assert functional.cosine_similarity(exact.flatten(), near.flatten(), dim=0) > 0.999


def test_sampled_softmax_over_every_item_is_the_full_one(parts: tuple[Tensor, ...]) -> None:
    states, table, bias, targets = parts
    logits = states @ table.T + bias
    right = logits.gather(1, targets[:, None])[:, 0]
    wrong = logits.scatter(1, targets[:, None], MASKED)
    for smoothing in (0.0, 0.2):
        torch.testing.assert_close(
            sampled_softmax(right, wrong, None, smoothing),
            full_softmax(states, table, bias, targets, smoothing),
        )


def test_logq_makes_a_drawn_item_stand_for_all_it_was_drawn_for(parts: tuple[Tensor, ...]) -> None:
    """Half of the items, each drawn with chance 1/2: their sum counts twice."""
    states, table, bias, targets = parts
    logits = states @ table.T + bias
    right = logits.gather(1, targets[:, None])[:, 0]
    some = logits[:, ::2]
    found = sampled_softmax(right, some, torch.full((some.shape[1],), 0.5).log())
    expected = (right.exp() + 2 * some.exp().sum(1)).log() - right
    torch.testing.assert_close(found, expected.sum())


def test_gbce_is_bce_with_a_power() -> None:
    right, wrong = torch.randn(5), torch.randn(5, 3)
    wrong[2, 1] = MASKED
    plain = functional.binary_cross_entropy_with_logits(
        right, torch.ones(5), reduction="sum"
    ) + functional.binary_cross_entropy_with_logits(wrong, torch.zeros(5, 3), reduction="sum")
    torch.testing.assert_close(binary(right, wrong), plain)
    powered = -(torch.sigmoid(right) ** 0.3).log().sum() - torch.sigmoid(-wrong).log().sum()
    torch.testing.assert_close(binary(right, wrong, 0.3), powered)
    assert confidence(10, 101, 0.0) == pytest.approx(1)
    assert confidence(10, 101, 1.0) == pytest.approx(0.1)

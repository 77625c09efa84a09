from typing import Any

import pytest
import torch
from torch import Tensor

from cinesync.models.attention import (
    Attention,
    Blocks,
    Past,
    Shape,
    gap_buckets,
    rotations,
    turned,
)
from cinesync.models.dropout import Dropout
from reccore.data.packing import lay_out, rectangle

DIM, HEADS = 16, 2
LENGTHS = torch.tensor([9, 9, 7, 3, 1])


def shape(**changes: Any) -> Shape:
    usual = {"hidden": 32, "feed_forward": "gelu", "gated": False, "dropout": 0.0}
    return Shape(DIM, HEADS, **{**usual, "relative_time": False, **changes})


def past_of(lengths: Tensor, rotary: bool, timed: bool) -> Past:
    layout = lay_out(lengths)
    turns = rotations(layout.place, DIM // HEADS) if rotary else None
    times = (layout.place * 5000.0).split([b * length for b, length in layout.groups])
    gaps = tuple(
        gap_buckets(part.view(group), part.view(group))
        for part, group in zip(times, layout.groups, strict=True)
    )
    return Past(layout, turns, gaps if timed else None)


def slow(attention: Attention, x: Tensor, rotary: bool, timed: bool) -> Tensor:
    """One sequence [L, d], one query and one head at a time."""
    length, width = x.shape[0], DIM // HEADS
    q, k, v = attention.into(x).view(length, 3, HEADS, width).unbind(1)
    out = torch.zeros(length, HEADS, width)
    for head in range(HEADS):
        for i in range(length):
            scores = torch.zeros(i + 1)
            for j in range(i + 1):
                a, b = q[i, head], k[j, head]
                if rotary:
                    a, b = turned_slowly(a, i), turned_slowly(b, j)
                scores[j] = a @ b / width**0.5
                if timed:
                    assert attention.gaps is not None
                    gap = max(5000 * (i - j), 1)
                    scores[j] += attention.gaps.weight[gap.bit_length() - 1, head]
            out[i, head] = scores.softmax(0) @ v[: i + 1, head]
    return attention.out(out.flatten(1))


def turned_slowly(x: Tensor, place: int) -> Tensor:
    angles = torch.tensor([place * 10_000.0 ** (-n / len(x)) for n in range(0, len(x), 2)])
    one, two = x[::2], x[1::2]
    both = (one * angles.cos() - two * angles.sin(), two * angles.cos() + one * angles.sin())
    return torch.stack(both, 1).flatten()


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("timed", [False, True])
def test_attention_equals_a_slow_one(rotary: bool, timed: bool) -> None:
    torch.manual_seed(0)
    attention = Attention(shape(relative_time=timed))
    past = past_of(LENGTHS, rotary, timed)
    assert len(past.layout.groups) > 2
    x = torch.randn(len(past.layout.place), DIM)
    found = attention(x, past)
    last = attention.last(x, past)
    for row in range(len(LENGTHS)):
        mine = past.layout.real[past.layout.owner[past.layout.real] == row]
        expected = slow(attention, x[mine], rotary, timed)
        torch.testing.assert_close(found[mine], expected)
        torch.testing.assert_close(last[row], expected[-1])


def test_rotations_depend_on_distances_alone() -> None:
    x = torch.randn(3, 1, 8)
    at = turned(x.expand(50, 3, 1, 8).contiguous(), rotations(torch.arange(50), 8))[:, :, 0]
    products = at[:, 0] @ at[:, 1].T
    for shift in (0, 3, 11):
        line = products.diagonal(shift)
        torch.testing.assert_close(line, line[:1].expand(len(line)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(at[:, 2], x[2].expand(50, 8))


@pytest.mark.parametrize("feed_forward", ["gelu", "relu", "swiglu"])
@pytest.mark.parametrize("gated", [False, True])
def test_the_last_token_is_answered_as_in_the_whole(feed_forward: str, gated: bool) -> None:
    torch.manual_seed(1)
    blocks = Blocks(shape(feed_forward=feed_forward, gated=gated), 2).eval()
    past = past_of(LENGTHS, True, False)
    x = torch.randn(len(past.layout.place), DIM)
    torch.testing.assert_close(blocks.last(x, past), blocks(x, past)[past.layout.ends])


def test_the_future_and_the_padding_change_nothing() -> None:
    torch.manual_seed(2)
    blocks = Blocks(shape(), 2).eval()
    past = Past(rectangle(2, 6, torch.tensor([4, 6])))
    x = torch.randn(12, DIM)
    before = blocks(x, past)
    other = x.clone()
    other[4:6] = 9.0  # padding of the first
    other[11] = 9.0  # the last token of the second
    after = blocks(other, past)
    torch.testing.assert_close(before[:4], after[:4])
    torch.testing.assert_close(before[6:11], after[6:11])
    assert not torch.allclose(before[11], after[11])


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    torch.manual_seed(0)
    drop = Dropout(0.2)
    out = drop(torch.ones(1000, 333))
    assert float((out == 0).float().mean()) == pytest.approx(51 / 256, abs=0.003)
    assert float(out.mean()) == pytest.approx(1, abs=0.003)
    assert torch.equal(drop.eval()(out), out)
    torch.manual_seed(5)
    first = drop.train()(torch.ones(77))
    torch.manual_seed(5)
    assert torch.equal(first, drop(torch.ones(77)))

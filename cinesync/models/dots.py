"""Dot products of looked-up vectors with their gradients, each in one pass over memory (CPU).

    score[b, n] = U[u_b] . I[i_bn] + bias_u + bias_i

Plain autograd gathers B + B N vectors, keeps them, multiplies them into new ones and scatters
those back: six trips through memory where the arithmetic needs two. This is the same sum in a
compiled loop; the gradients of users and items do not touch, so two threads make them.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cinesync.models.compiled import compiled

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]


def dots(
    users: Tensor, items: Tensor, tables: tuple[Tensor, Tensor], biases: tuple[Tensor, Tensor]
) -> Tensor:
    """Codes [B] and [B, N] into tables [U, d], [I, d] and biases [U, 1], [I, 1]: [B, N]."""
    return cast(Tensor, _Dots.apply(users, items, *tables, *biases))  # type: ignore[no-untyped-call]


class _Dots(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, users: Tensor, items: Tensor, *tables: Tensor) -> Tensor:
        ctx.save_for_backward(users, items, *tables)
        scores = torch.empty(items.shape)
        u, i, bias_u, bias_i = (table.detach().numpy() for table in tables)
        _score(users.numpy(), items.numpy(), u, i, bias_u, bias_i, scores.numpy())
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        users, items, *tables = ctx.saved_tensors
        made = [torch.zeros_like(table) for table in tables]
        to_u, to_i, to_bias_u, to_bias_i = (grad.numpy() for grad in made)
        u, i = (table.detach().numpy() for table in tables[:2])
        common = users.numpy(), items.numpy(), gradient.contiguous().numpy()
        if torch.get_num_threads() == 1:
            _to_users(*common, i, to_u, to_bias_u)
            _to_items(*common, u, to_i, to_bias_i)
        else:
            with ThreadPoolExecutor(1) as pool:
                other = pool.submit(_to_users, *common, i, to_u, to_bias_u)
                _to_items(*common, u, to_i, to_bias_i)
                other.result()
        return None, None, *made


@compiled
def _score(
    users: Codes, items: Codes, u: Floats, i: Floats, bias_u: Floats, bias_i: Floats, out: Floats
) -> None:
    for b in range(items.shape[0]):
        vector, bias = u[users[b]], bias_u[users[b], 0]
        for n in range(items.shape[1]):
            other = i[items[b, n]]
            total = np.float32(0.0)
            for k in range(vector.shape[0]):
                total += vector[k] * other[k]
            out[b, n] = total + bias + bias_i[items[b, n], 0]


@compiled
def _to_users(
    users: Codes, items: Codes, gradient: Floats, i: Floats, out: Floats, out_bias: Floats
) -> None:
    for b in range(items.shape[0]):
        mine = out[users[b]]
        for n in range(items.shape[1]):
            g, other = gradient[b, n], i[items[b, n]]
            out_bias[users[b], 0] += g
            for k in range(mine.shape[0]):
                mine[k] += g * other[k]


@compiled
def _to_items(
    users: Codes, items: Codes, gradient: Floats, u: Floats, out: Floats, out_bias: Floats
) -> None:
    for b in range(items.shape[0]):
        vector = u[users[b]]
        for n in range(items.shape[1]):
            g, mine = gradient[b, n], out[items[b, n]]
            out_bias[items[b, n], 0] += g
            for k in range(mine.shape[0]):
                mine[k] += g * vector[k]

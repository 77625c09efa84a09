import pytest
import torch
from torch import Tensor, nn

from cinesync.models.dots import dots


def slow(users: Tensor, items: Tensor, tables: list[Tensor], biases: list[Tensor]) -> Tensor:
    look = nn.functional.embedding
    product = (look(users, tables[0])[:, None] * look(items, tables[1])).sum(-1)
    return product + look(users, biases[0]) + look(items, biases[1]).squeeze(-1)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("width", [1, 7, 64])
def test_equals_autograd(threads: int, width: int) -> None:
    torch.manual_seed(0)
    shapes = [(9, width), (11, width), (9, 1), (11, 1)]
    tables = [torch.randn(shape, requires_grad=True) for shape in shapes]
    users, items = torch.randint(9, (50,)), torch.randint(11, (50, 3))  # with repetitions
    weights = torch.randn(3, 50).T  # a gradient that is not contiguous
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        made = [
            torch.autograd.grad((scores * weights).sum(), tables)
            for scores in (
                dots(users, items, (tables[0], tables[1]), (tables[2], tables[3])),
                slow(users, items, tables[:2], tables[2:]),
            )
        ]
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*made, strict=True):
        torch.testing.assert_close(one, other)


def test_scores_equal_torch() -> None:
    tables = [torch.randn(shape) for shape in [(4, 5), (6, 5), (4, 1), (6, 1)]]
    users, items = torch.arange(4), torch.randint(6, (4, 2))
    fast = dots(users, items, (tables[0], tables[1]), (tables[2], tables[3]))
    torch.testing.assert_close(fast, slow(users, items, tables[:2], tables[2:]))

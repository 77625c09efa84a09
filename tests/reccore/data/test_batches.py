import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reccore.data.batches import IndexBatches
from reccore.errors import UserError


@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 9), st.integers(0, 9))
def test_an_epoch_visits_every_row_once(rows: int, size: int, seed: int, epoch: int) -> None:
    batches = list(IndexBatches(rows, size, seed).epoch(epoch))
    assert torch.equal(torch.cat(batches).sort().values, torch.arange(rows))
    assert len(batches) == len(IndexBatches(rows, size, seed))
    assert all(len(batch) == size for batch in batches[:-1])


@given(st.integers(1, 50), st.integers(1, 20), st.data())
def test_a_cursor_goes_on_where_it_stopped(rows: int, size: int, data: st.DataObject) -> None:
    batches = IndexBatches(rows, size, seed=4)
    start = data.draw(st.integers(0, len(batches)))
    whole, rest = list(batches.epoch(2)), list(batches.epoch(2, start=start))
    assert len(rest) == len(whole) - start
    assert all(torch.equal(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_order_depends_on_seed_and_epoch_only() -> None:
    def order(seed: int, epoch: int, size: int = 10) -> list[int]:
        return torch.cat(list(IndexBatches(100, size, seed).epoch(epoch))).tolist()

    torch.manual_seed(1)
    first = order(0, 0)
    torch.manual_seed(2)
    assert first == order(0, 0) == order(0, 0, size=7)
    assert len({tuple(o) for o in (first, order(0, 1), order(1, 0))}) == 3
    assert first != sorted(first)


def test_drop_last_drops_what_is_incomplete() -> None:
    batches = IndexBatches(10, 4, seed=0, drop_last=True)
    assert len(batches) == 2
    assert [len(batch) for batch in batches.epoch(0)] == [4, 4]


@pytest.mark.parametrize(
    ("rows", "size", "drop", "named"),
    [(0, 4, False, "rows=0"), (5, 0, False, "batch_size=0"), (5, 6, True, "batch_size=6")],
)
def test_what_cannot_be_batched_is_named(rows: int, size: int, drop: bool, named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        IndexBatches(rows, size, seed=0, drop_last=drop)
    assert caught.value.remedy

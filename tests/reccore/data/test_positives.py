import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reccore.data.interactions import Interactions
from reccore.data.positives import TABLE_BITS, Positives

EXACT_AND_HASHED = pytest.mark.parametrize("table_bits", [TABLE_BITS, 0])
PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 10)), max_size=40)


@EXACT_AND_HASHED
@given(rows=PAIRS)
def test_contains_is_membership(make, rows: list[tuple[int, int]], table_bits: int) -> None:
    data = make([row[0] for row in rows], [row[1] for row in rows], shape=(7, 11))
    positives = Positives.of(data, table_bits)
    found = positives.contains(torch.arange(7)[:, None], torch.arange(11))
    expected = torch.zeros(7, 11, dtype=torch.bool)
    for user, item in rows:
        expected[user, item] = True
    assert torch.equal(found, expected)
    assert torch.equal(positives.counts, expected.sum(dim=1))


@EXACT_AND_HASHED
def test_contains_at_size(make, table_bits: int) -> None:
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 3000, 50_000), rng.integers(0, 70_001, 50_000)
    data = make(users, items, shape=(3000, 70_001))
    positives = Positives.of(data, table_bits)
    others = torch.from_numpy(rng.integers(0, 70_001, 50_000))
    known = set(zip(users.tolist(), items.tolist(), strict=True))
    expected = [pair in known for pair in zip(users.tolist(), others.tolist(), strict=True)]
    assert positives.contains(torch.from_numpy(users), torch.from_numpy(items)).all()
    assert positives.contains(torch.from_numpy(users), others).tolist() == expected


def test_codes_of_any_integer_type_are_taken(world: Interactions) -> None:
    positives = Positives.of(world)
    assert positives.contains(torch.from_numpy(world.users), torch.from_numpy(world.items)).all()


def test_a_user_who_knows_everything_is_found(make) -> None:
    positives = Positives.of(make([3, 3, 1], [0, 1, 1], shape=(4, 2)))
    assert positives.knows_all(torch.tensor([0, 1, 2])) is None
    assert positives.knows_all(torch.tensor([1, 3], dtype=torch.int32)) == 3

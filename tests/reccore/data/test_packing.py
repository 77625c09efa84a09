import torch
from hypothesis import given
from hypothesis import strategies as st

from reccore.data.packing import WASTE, lay_out, rectangle, rectangles

lengths = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@given(lengths)
def test_every_true_token_has_one_place(drawn: list[int]) -> None:
    ordered = sorted(drawn, reverse=True)
    layout = lay_out(torch.tensor(ordered))
    expected = [(row, at) for row, length in enumerate(ordered) for at in range(length)]
    real = layout.real
    assert list(zip(layout.owner[real].tolist(), layout.place[real].tolist(), strict=True)) == (
        expected
    )
    ends = [real.tolist()[sum(ordered[: row + 1]) - 1] for row in range(len(ordered))]
    assert layout.ends.tolist() == ends


@given(lengths)
def test_groups_are_rectangles_with_little_padding(drawn: list[int]) -> None:
    ordered = sorted(drawn, reverse=True)
    groups, first = rectangles(ordered), 0
    assert sum(rows for rows, _ in groups) == len(ordered)
    for rows, length in groups:
        part = ordered[first : first + rows]
        assert length == max(part)
        assert rows * length <= WASTE * sum(part) or rows == 1
        first += rows
    layout = lay_out(torch.tensor(ordered))
    parts = layout.split(layout.owner)
    assert [len(part) for part in parts] == [rows * length for rows, length in groups]


def test_one_rectangle_is_a_layout_too() -> None:
    layout = rectangle(2, 4, torch.tensor([2, 4]))
    assert layout.groups == ((2, 4),)
    assert layout.owner.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert layout.place.tolist() == [0, 1, 2, 3] * 2
    assert layout.ends.tolist() == [1, 7]

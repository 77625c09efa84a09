"""Words of shops and customers cannot pass for words of the server."""

from hypothesis import given
from hypothesis import strategies as st

from giftrec.mcp.plain import bullets, one_line


@given(st.text(), st.integers(4, 80))
def test_one_line_whatever_it_was(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert line.isprintable()
    assert line == line.strip()
    assert line.splitlines() in ([], [line])


def test_nothing_to_list_has_no_heading() -> None:
    assert bullets("Notes:", []) == []
    assert bullets("Notes:", ["a\nb"]) == ["Notes:", "- a b"]

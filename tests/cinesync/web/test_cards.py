"""Titles as people say them."""

import pytest

from cinesync.web.cards import titled


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Matrix, The (1999)", ("The Matrix", "1999")),
        ("Heat (1995)", ("Heat", "1995")),
        ("Avventura, L' (1960)", ("L'Avventura", "1960")),
        ("2001: A Space Odyssey", ("2001: A Space Odyssey", "")),
        ("Me, Myself & Irene (2000)", ("Me, Myself & Irene", "2000")),
        ("Seven (a.k.a. Se7en) (1995)", ("Seven (a.k.a. Se7en)", "1995")),
        ("(1999)", ("(1999)", "")),
        ("", ("", "")),
    ],
)
def test_titles(title: str, shown: tuple[str, str]) -> None:
    assert titled(title) == shown

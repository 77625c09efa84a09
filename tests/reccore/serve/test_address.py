from pathlib import Path

import pytest

from reccore.errors import UserError
from reccore.serve.address import place


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("things.sqlite", Path("things.sqlite")),
        (Path("/a/things"), Path("/a/things")),
        ("sqlite:///things.sqlite", Path("things.sqlite")),
        ("sqlite:////a/things.sqlite", Path("/a/things.sqlite")),
        ("C:things", Path("C:things")),
        ("postgres://user@host/base", "postgres://user@host/base"),
        ("postgresql://user@host/base", "postgresql://user@host/base"),
    ],
)
def test_an_address_is_a_file_or_a_postgres(text, found):
    assert place(text, "things") == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mysql://host/base", "things cannot be kept in mysql"),
        ("sqlite:/things", "three slashes"),
        ("sqlite:///", "no file would be lost"),
        ("", "no file would be lost"),
        (":memory:", "would be lost"),
        ("sqlite:///:memory:", "would be lost"),
    ],
)
def test_what_would_keep_nothing_is_refused(text, said):
    with pytest.raises(UserError, match=said):
        place(text, "things")

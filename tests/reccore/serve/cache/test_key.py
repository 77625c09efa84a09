import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.serve.cache.key import Key, hash_user

parts = st.text(st.sampled_from("a:%.3A-"), max_size=4)
keys = st.builds(
    Key,
    product=parts,
    name=parts,
    version=parts,
    generation=st.integers(0, 3),
    experiment=parts,
    user=st.text(max_size=4),
    request=st.binary(max_size=4),
)


@given(keys, keys)
def test_two_keys_share_a_text_only_if_they_are_one(one: Key, other: Key) -> None:
    assert (one.text() == other.text()) == (one == other)


@pytest.mark.parametrize("changed", [f.name for f in dataclasses.fields(Key)])
def test_every_field_changes_the_text(changed: str) -> None:
    key = Key("cinesync", "sasrec", "7", 3, "", "ann", b"{}")
    values: dict[str, Any] = {"generation": 4, "request": b"[]"}
    new = values.get(changed, "other")
    assert dataclasses.replace(key, **{changed: new}).text() != key.text()


def test_it_reads_as_documented_and_names_no_user() -> None:
    key = Key("cinesync", "sasrec", "7", 3, "blue", "ann@example.org", b"ann@example.org")
    head, person, asked = key.text().rsplit(":", 2)
    assert head == "giftrec:cinesync:sasrec:7.3:blue"
    assert person == hash_user("ann@example.org")
    assert len(person) == len(asked) == 32
    assert "ann" not in key.text()


def test_any_string_can_be_a_user() -> None:
    assert hash_user("\ud800") != hash_user("?") != hash_user("")

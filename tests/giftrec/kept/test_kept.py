import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recommendations import NOW, kept, wish

from giftrec.kept import Kept, new_id, open_kept
from reccore.errors import UserError
from reccore.serve.refusal import Refusal

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120)


def test_ids_are_of_one_length_and_never_the_same():
    ids = {new_id() for _ in range(5000)}
    assert len(ids) == 5000
    assert {len(id) for id in ids} == {26}
    assert all(re.fullmatch("[a-z2-7]+", id) for id in ids)
    assert {id[0] for id in ids} == set("abcdefghijklmnopqrstuvwxyz234567")  # no fixed bits


@given(st.lists(TEXTS, max_size=20), st.lists(TEXTS, max_size=10, unique=True))
def test_a_recommendation_is_read_back_as_it_was_written(wishes, shown):
    one = kept(wishes=tuple(wishes), shown=shown)
    assert Kept.of_row(one.row) == one


def test_the_body_is_read_strictly():
    id, user, at, body = kept().row
    changed = {**json.loads(body), "unknown": 1}
    with pytest.raises(ValueError, match="unknown"):
        Kept.of_row((id, user, at, json.dumps(changed)))
    with pytest.raises(ValueError, match="shown"):
        Kept.of_row((id, user, at, body.replace('["g1","g2"]', '"g1"')))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "short"),
        ("id", "A" * 26),
        ("user", ""),
        ("user", "x" * 257),
        ("user", "\ud800"),
        ("user", "a\0"),
        ("at", -1),
        ("at", NOW * 1000),
    ],
)
def test_what_no_database_could_hold_is_refused(field, value):
    given = {"id": new_id(), "user": "ann", "at": NOW, field: value}
    with pytest.raises(Refusal) as refused:
        Kept(wish=wish(), shown=(), passed_over=(), **given)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "changes",
    [
        {"shown": ["g"] * 11},
        {"shown": [""]},
        {"shown": ["\ud800"]},
        {"passed_over": ["g"] * 501},
        {"not_these": ("é" * 120,) * 500},
    ],
)
def test_what_is_too_long_or_no_text_is_refused_when_it_is_kept(changes):
    one = kept(**changes)
    with pytest.raises(Refusal) as refused:
        _ = one.row
    assert refused.value.status == 422
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://there/x", "cannot be kept in mysql"),
        (":memory:", "would be lost"),
        ("sqlite://two.sqlite", "three slashes"),
        ("postgresql://a b c", "recommendations address is no Postgres address"),
    ],
)
def test_an_address_that_is_none_is_refused(address, said):
    with pytest.raises(UserError, match=said):
        open_kept(address)


def test_what_the_tools_told_is_kept_for_every_gift_shown():
    one = replace(kept(), told={"review_analysis": (0.25, -1.5)})
    assert Kept.of_row(one.row) == one
    for told in (
        {"review_analysis": (0.25,)},
        {"guess": (1.0, 2.0)},
        {"trend_analyzer": (float("nan"), 1.0)},
    ):
        with pytest.raises(Refusal):
            _ = replace(one, told=told).row

from dataclasses import replace

import numpy as np
import pytest

from reccore.config import to_tree, validate
from reccore.data.interactions import Interactions
from reccore.data.split import Given, Split, SplitSettings, split
from reccore.errors import UserError

KINDS = ["random", "per-user", "loo", "time", "strong"]


def make_split(world: Interactions, kind: str, **settings: object) -> Split:
    return split(world, SplitSettings.model_validate({"kind": kind, **settings}))


def all_pairs(data: Interactions) -> list[tuple[int, int]]:
    return list(zip(data.users.tolist(), data.items.tolist(), strict=True))


def pairs(data: Interactions) -> set[tuple[int, int]]:
    return set(all_pairs(data))


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_whole_and_without_leak(world: Interactions, kind: str) -> None:
    parts = make_split(world, kind)
    assert parts.validation is not None
    report = parts.report()
    assert report.leak_rate == 0
    assert (report.kind, report.seed) == (kind, 0)
    assert report.train_rows == len(parts.train)
    assert report.test_rows == len(parts.test.rows)
    assert not pairs(parts.refit) & pairs(parts.test.rows)
    assert not pairs(parts.train) & pairs(parts.validation.rows)
    assert parts.fit_rows(with_validation=False) is parts.train
    assert pairs(parts.fit_rows(with_validation=True)) >= (
        pairs(parts.train) | pairs(parts.validation.rows)
    )
    assert report.to_json()["cut"] == report.cut == parts.cut
    assert (report.cut is not None) == (kind == "time")


@pytest.mark.parametrize("kind", KINDS)
def test_test_histories_are_all_a_user_did_before(world: Interactions, kind: str) -> None:
    parts = make_split(world, kind)
    known = pairs(parts.refit) if kind != "strong" else pairs(world) - pairs(parts.test.rows)
    for row, user in enumerate(parts.test.users.tolist()):
        history = parts.test.histories.row(row).tolist()
        assert {(user, item) for item in history} == {p for p in known if p[0] == user}
        targets = {(user, item) for item in parts.test.targets.row(row).tolist()}
        assert targets == {p for p in pairs(parts.test.rows) if p[0] == user}
        of_user = world.histories.row(user).tolist()
        assert history == [item for item in of_user if item in history]


def test_validation_histories_hold_no_validation_row(world: Interactions) -> None:
    parts = make_split(world, "per-user")
    assert parts.validation is not None
    for row, user in enumerate(parts.validation.users.tolist()):
        history = set(parts.validation.histories.row(row).tolist())
        assert history == {item for u, item in pairs(parts.train) if u == user}


@pytest.mark.parametrize("kind", KINDS)
def test_no_validation_when_none_is_wanted(world: Interactions, kind: str) -> None:
    parts = make_split(world, kind, validation=0.0)
    assert parts.validation is None
    assert parts.report().validation_rows == 0
    assert len(parts.fit_rows(True)) == len(parts.train)
    same = make_split(world, kind).test
    assert parts.test.targets.items.tolist() == same.targets.items.tolist()
    assert parts.test.histories.items.tolist() == same.histories.items.tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["train", "refit"])
def test_a_leaking_row_is_refused(world: Interactions, kind: str, part: str) -> None:
    parts = make_split(world, kind)
    known = getattr(parts, part)
    rows = [row for row, pair in enumerate(all_pairs(world)) if pair in pairs(known)]
    held = all_pairs(world).index(all_pairs(parts.test.rows)[0])
    with pytest.raises(UserError, match="leaks") as caught:
        replace(parts, **{part: world.take(np.array([*rows, held]))})
    assert f"{1 / (len(rows) + 1):.2%}" in str(caught.value)


def test_training_later_than_the_cut_is_refused(world: Interactions) -> None:
    """Rows that nobody holds, of moments after the cut: moving the cut is enough."""
    parts = make_split(world, "time")
    assert parts.cut is not None
    with pytest.raises(UserError, match="later than the cut"):
        replace(parts, cut=parts.cut - 60, validation_cut=None, validation=None)


def test_training_later_than_the_own_held_row_is_refused(make) -> None:
    data = make([0, 0, 0, 0], [0, 1, 2, 3], [1, 2, 3, 4])
    parts = split(data, SplitSettings(kind="loo", validation=0.0))
    moved = make([0, 0], [0, 4], [1, 9], shape=(1, 5))
    with pytest.raises(UserError, match="later than their user's held-out row"):
        replace(parts, train=moved, refit=moved)


def test_a_held_user_in_training_is_refused(world: Interactions) -> None:
    """Even one who brings nothing but rows that were folded in."""
    parts = make_split(world, "strong")
    user, targets = parts.test.users[0], parts.test.targets.row(0)
    folded = (world.users == user) & ~np.isin(world.items, targets)
    rows = world.take(np.isin(world.users, parts.train.users) | folded)
    with pytest.raises(UserError, match="of users who are held out"):
        replace(parts, refit=rows)


def test_copies_of_one_event_on_both_sides_are_refused(make) -> None:
    data = make([0] * 40, [0] * 10 + list(range(30)))
    with pytest.raises(UserError, match="drop duplicate rows"):
        split(data, SplitSettings(kind="random"))


def test_what_was_met_before_is_counted_and_no_target(make) -> None:
    data = make([0] * 5, [0, 1, 2, 3, 0], timestamps=[1, 2, 3, 4, 5], shape=(2, 4))
    other = make([1] * 4, [0, 1, 2, 3], timestamps=[1, 2, 3, 4], shape=(2, 4))
    both = Interactions(
        data.user_ids,
        data.item_ids,
        np.concatenate([data.users, other.users]),
        np.concatenate([data.items, other.items]),
        timestamps=np.array([1, 2, 3, 4, 5, 1, 2, 3, 4]),
    )
    parts = split(both, SplitSettings(kind="loo"))
    assert parts.test.users.tolist() == [1]
    assert parts.report().repeated == 1
    assert parts.report().test_rows == 2


def test_cold_users_and_items_are_kept_and_counted(make) -> None:
    data = make([0, 0, 0, 0, 1], [0, 1, 2, 3, 4], timestamps=[1, 2, 3, 4, 9])
    parts = split(data, SplitSettings(kind="time", test=0.2, validation=0.0))
    assert parts.test.users.tolist() == [1]
    assert parts.test.histories.row(0).tolist() == []
    assert (parts.report().cold_users, parts.report().cold_items) == (1, 1)


@pytest.mark.parametrize(
    ("kind", "settings", "part", "remedy"),
    [
        ("random", {"test": 0.01}, "test", "split.test higher"),
        ("random", {"test": 0.99}, "training", "split.test or split.validation lower"),
        ("random", {"validation": 0.01}, "validation", "split.validation = 0"),
        ("per-user", {}, "test", "split.test higher"),
        ("loo", {}, "test", "3 rows"),
        ("time", {}, "test", "one moment"),
        ("strong", {"test": 0.01}, "test", "split.test higher"),
    ],
)
def test_an_empty_part_is_named(make, kind: str, settings, part: str, remedy: str) -> None:
    data = make([0, 0, 1, 1, 2, 2], [0, 1, 2, 3, 4, 5], timestamps=[7] * 6)
    with pytest.raises(UserError, match=f"the {part} part") as caught:
        make_split(data, kind, **settings)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_at_all_is_said(make, kind: str) -> None:
    with pytest.raises(UserError, match="training part of the split is empty"):
        make_split(make([], [], timestamps=[]), kind)


def test_given_parts_are_taken_as_they_are(make) -> None:
    parts = [make([0, 1], [i, i + 1], shape=(2, 6)) for i in (0, 2, 4)]
    settings = SplitSettings(kind="given")
    taken = split(parts[0], settings, Given(*parts))
    assert taken.train is parts[0]
    assert taken.validation is not None
    assert taken.validation.targets.items.tolist() == [2, 3]
    assert taken.test.histories.row(0).tolist() == [0, 2]
    assert len(taken.fit_rows(True)) == 4
    assert taken.report().leak_rate == 0


def test_given_without_validation_carves_it_from_training(world: Interactions, make) -> None:
    whole = make_split(world, "random", validation=0.0)
    given = Given(whole.train, None, whole.test.rows)
    parts = split(world, SplitSettings(kind="given", validation=0.1), given)
    assert parts.validation is not None
    assert len(parts.validation.rows) == round(0.1 * len(given.train))
    assert pairs(parts.train) | pairs(parts.validation.rows) == pairs(given.train)
    assert parts.refit is given.train
    assert parts.test.targets.items.tolist() == whole.test.targets.items.tolist()
    bare = split(world, SplitSettings(kind="given", validation=0.0), given)
    assert bare.validation is None


def test_given_parts_that_overlap_are_refused(make) -> None:
    train, test = make([0, 1], [0, 1], shape=(2, 3)), make([0, 1], [2, 1], shape=(2, 3))
    with pytest.raises(UserError, match="held-out rows as well"):
        split(train, SplitSettings(kind="given", validation=0.0), Given(train, None, test))


def test_given_without_parts_is_said(world: Interactions) -> None:
    with pytest.raises(UserError, match="data that comes in parts"):
        split(world, SplitSettings(kind="given"))


@pytest.mark.parametrize("tree", [{"test": 0.0}, {"test": 1.0}, {"validation": -0.1}, {"seed": -1}])
def test_settings_out_of_range_are_named(tree: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(tree))):
        validate(SplitSettings, tree, "a test")


def test_settings_survive_a_file() -> None:
    settings = SplitSettings(kind="strong", validation_users=0, held_users=5)
    assert validate(SplitSettings, to_tree(settings), "a test") == settings

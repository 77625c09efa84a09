"""Each kind of split against a slow and obvious version of its protocol."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.data.cuts import CUTS, Cut, SplitSettings
from reccore.data.ids import IdMap
from reccore.data.interactions import Interactions
from reccore.errors import UserError

Rows = set[int]


def cut(data: Interactions, **settings: object) -> Cut:
    chosen = SplitSettings.model_validate(settings)
    return CUTS[chosen.kind](data, chosen)


def in_time_order(data: Interactions, user: int) -> list[int]:
    rows = np.flatnonzero(data.users == user).tolist()
    return sorted(rows, key=lambda row: 0 if data.timestamps is None else data.timestamps[row])


@pytest.mark.parametrize("kind", list(CUTS))
@given(seed=st.integers(0, 50), test=st.floats(0.05, 0.9), validation=st.floats(0, 0.9))
def test_parts_are_disjoint_ascending_and_whole(
    world: Interactions, kind: str, seed: int, test: float, validation: float
) -> None:
    parts = cut(world, kind=kind, seed=seed, test=test, validation=validation)
    folds = [f for f in (parts.validation_fold_in, parts.test_fold_in) if f is not None]
    every = [parts.train, parts.validation, parts.test, *folds]
    assert sorted(np.concatenate(every).tolist()) == list(range(len(world)))
    assert all((np.diff(part) > 0).all() for part in every)
    assert validation > 0 or len(parts.validation) == 0


@pytest.mark.parametrize("kind", list(CUTS))
def test_validation_settings_never_move_a_test_row(world: Interactions, kind: str) -> None:
    def test_rows(**settings: object) -> list[int]:
        return cut(world, kind=kind, **settings).test.tolist()

    assert test_rows() == test_rows(validation=0.0) == test_rows(validation=0.4)
    assert test_rows() == test_rows(validation_users=3)


@pytest.mark.parametrize("kind", ["random", "per-user", "strong"])
def test_the_seed_decides(world: Interactions, kind: str) -> None:
    assert (
        cut(world, kind=kind, seed=1).test.tolist() == cut(world, kind=kind, seed=1).test.tolist()
    )
    assert (
        cut(world, kind=kind, seed=1).test.tolist() != cut(world, kind=kind, seed=2).test.tolist()
    )


def per_user_slow(external: list[str], times: list[int], seed: int) -> Rows:
    """The protocol as written: ascending external id, time order, permuted, first 80% train."""
    generator = np.random.default_rng(seed)
    held: Rows = set()
    for user in sorted(set(external)):
        rows = [n for n, other in enumerate(external) if other == user]
        rows.sort(key=lambda n: times[n])
        shuffled = [rows[place] for place in generator.permutation(len(rows))]
        held |= set(shuffled[round(0.8 * len(rows)) :])
    return held


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 5)), min_size=1, max_size=60),
    st.integers(0, 9),
)
def test_per_user_is_the_protocol_to_the_row(rows: list[tuple[str, int]], seed: int) -> None:
    external, times = [row[0] for row in rows], [row[1] for row in rows]
    users, items = IdMap.of(pl.Series(external)), IdMap.of(pl.Series(range(len(rows))))
    data = Interactions(
        users,
        items,
        users.encode(external),
        np.arange(len(rows), dtype=np.int32),
        timestamps=np.array(times),
    )
    parts = cut(data, kind="per-user", seed=seed)
    assert set(parts.test.tolist()) == per_user_slow(external, times, seed)


def test_per_user_on_real_data_is_the_protocol(real_data) -> None:
    frame = pl.read_csv(
        real_data / "ml-latest-small" / "ratings.csv", columns=["userId", "movieId", "timestamp"]
    )
    users, items = IdMap.of(frame["userId"]), IdMap.of(frame["movieId"])
    data = Interactions(
        users,
        items,
        users.encode(frame["userId"]),
        items.encode(frame["movieId"]),
        timestamps=frame["timestamp"].to_numpy(),
    )
    slow: Rows = set()
    generator = np.random.default_rng(0)
    for rows in (
        frame.with_row_index()
        .sort("userId", "timestamp", maintain_order=True)
        .group_by("userId", maintain_order=True)
        .agg("index")["index"]
    ):
        slow |= set(generator.permutation(rows.to_numpy())[round(0.8 * len(rows)) :].tolist())
    assert set(cut(data).test.tolist()) == slow


def test_per_user_validation_is_a_share_of_some_users(world: Interactions) -> None:
    parts = cut(world, validation=0.15, validation_users=10)
    free = np.concatenate([parts.train, parts.validation])
    gave = np.unique(world.users[parts.validation])
    assert len(gave) == 10
    for user in gave:
        kept = int((world.users[free] == user).sum())
        assert (world.users[parts.validation] == user).sum() == round(0.15 * kept)
    everyone = cut(world, validation=0.15, validation_users=0)
    assert len(np.unique(world.users[everyone.validation])) > 40


@pytest.mark.parametrize("size", [1, 5, 10, 999])
def test_random_tests_on_the_first_of_one_permutation(make, size: int) -> None:
    data = make([0] * size, list(range(size)))
    order = np.random.default_rng(3).permutation(size).tolist()
    parts = cut(data, kind="random", seed=3, test=0.1, validation=0.15)
    tested = round(0.1 * size)
    assert parts.test.tolist() == sorted(order[:tested])
    assert len(parts.validation) == round(0.15 * (size - tested))


def test_loo_holds_the_last_and_the_one_before(world: Interactions) -> None:
    parts = cut(world, kind="loo")
    last, before = set(), set()
    for user in range(60):
        rows = in_time_order(world, user)
        if len(rows) >= 3:
            last.add(rows[-1])
            before.add(rows[-2])
    assert set(parts.test.tolist()) == last
    assert set(parts.validation.tolist()) == before
    assert last


def test_loo_is_stable_on_ties_and_leaves_short_users_alone(make) -> None:
    data = make([0, 1, 0, 1, 0, 2, 0], [3, 0, 1, 1, 2, 0, 0], timestamps=[9, 1, 9, 1, 9, 1, 5])
    parts = cut(data, kind="loo")
    assert parts.test.tolist() == [4]  # of three rows at 9, the last in the file
    assert parts.validation.tolist() == [2]
    assert parts.train.tolist() == [0, 1, 3, 5, 6]
    ordered = make([0, 0, 0], [0, 1, 2], timestamps=[9, 9, 9], order=[2, 0, 1])
    assert cut(ordered, kind="loo").test.tolist() == [0]
    assert cut(ordered, kind="loo", validation=0.0).train.tolist() == [1, 2]


def test_time_cuts_at_one_moment(world: Interactions) -> None:
    parts = cut(world, kind="time", test=0.2, validation=0.15)
    times = world.timestamps
    assert times is not None
    assert parts.time is not None
    assert parts.validation_time is not None
    assert times[parts.train].max() == parts.validation_time < times[parts.validation].min()
    assert times[parts.validation].max() == parts.time < times[parts.test].min()
    assert len(parts.test) == pytest.approx(0.2 * len(world), abs=20)
    assert parts.time == np.sort(times)[round(0.8 * len(world)) - 1]


def test_time_uses_order_where_there_is_no_timestamp(make) -> None:
    data = make([0] * 10, list(range(10)), order=list(range(10))[::-1])
    parts = cut(data, kind="time", test=0.2, validation=0.0)
    assert parts.test.tolist() == [0, 1]
    assert parts.time == 7


@pytest.mark.parametrize("kind", ["time", "loo"])
def test_splits_by_time_need_time(make, kind: str) -> None:
    with pytest.raises(UserError, match=kind) as caught:
        cut(make([0, 0, 0], [0, 1, 2]), kind=kind)
    assert "timestamp=" in caught.value.remedy


def test_strong_holds_whole_users_and_folds_most_of_them_in(world: Interactions) -> None:
    parts = cut(world, kind="strong", test=0.2, validation=0.1)
    assert parts.test_fold_in is not None
    assert parts.validation_fold_in is not None
    users = {
        name: set(world.users[getattr(parts, name)].tolist())
        for name in ("train", "validation", "test", "validation_fold_in", "test_fold_in")
    }
    assert users["test"] == users["test_fold_in"]
    assert users["validation"] == users["validation_fold_in"]
    assert not users["train"] & (users["test"] | users["validation"])
    assert not users["test"] & users["validation"]
    assert (len(users["test"]), len(users["validation"])) == (12, 6)
    for user in users["test"]:
        folded = int((world.users[parts.test_fold_in] == user).sum())
        rows = folded + int((world.users[parts.test] == user).sum())
        assert folded == min(max(round(0.8 * rows), 1), rows - 1)


def test_strong_takes_a_number_of_users_too(world: Interactions) -> None:
    parts = cut(world, kind="strong", held_users=7)
    assert len(np.unique(world.users[parts.test])) == 7
    assert len(np.unique(world.users[parts.validation])) == 7
    assert len(cut(world, kind="strong", held_users=7, validation=0.0).validation) == 0

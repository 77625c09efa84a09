import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from reccore.config import validate
from reccore.data.interactions import Interactions
from reccore.data.negatives import HARD_1_4, HARD_1_5, NegativeSampler, NegativeSettings
from reccore.errors import UserError

KINDS = ["uniform", "popularity", "hard"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_code(users: Tensor, items: Tensor) -> Tensor:
    """The higher the item's code, the better it fits."""
    return items.float() + 0 * users[:, None]


def sampler(data: Interactions, **settings: object) -> NegativeSampler:
    return NegativeSampler.of(data, NegativeSettings.model_validate(settings))


@pytest.mark.parametrize("kind", KINDS)
@given(met=st.data(), seed=st.integers(0, 99), n=st.integers(1, 4), redraws=st.integers(0, 9))
def test_negatives_are_never_positives(
    make, kind: str, met, seed: int, n: int, redraws: int
) -> None:
    """Users who know anything from nothing to all items but one."""
    known = [met.draw(st.sets(st.integers(0, 7), max_size=7)) for _ in range(5)]
    pairs = [(user, item) for user, items in enumerate(known) for item in sorted(items)]
    data = make([p[0] for p in pairs], [p[1] for p in pairs], shape=(5, 8))
    users = torch.arange(5).repeat(3)
    settings = {"kind": kind, "redraws": redraws, "candidates": 5}
    drawn = sampler(data, **settings).draw(users, n, seeded(seed), by_code)
    assert drawn.shape == (15, n)
    assert drawn.dtype == torch.int64
    assert all(
        0 <= item < 8 and item not in known[user]
        for user, items in zip(users.tolist(), drawn.tolist(), strict=True)
        for item in items
    )


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_a_function_of_the_generator(world: Interactions, kind: str) -> None:
    users = torch.arange(60)
    one, other = sampler(world, kind=kind), sampler(world, kind=kind)
    torch.manual_seed(0)
    first = one.draw(users, 2, seeded(1), by_code)
    torch.manual_seed(1)
    one.draw(users, 2, seeded(7), by_code)
    assert torch.equal(first, one.draw(users, 2, seeded(1), by_code))
    assert torch.equal(first, other.draw(users, 2, seeded(1), by_code))
    assert not torch.equal(first, one.draw(users, 2, seeded(2), by_code))


@pytest.mark.parametrize("kind", ["uniform", "popularity"])
@pytest.mark.parametrize("redraws", [0, 2, 16])
def test_the_distribution_is_q_outside_the_positives(make, kind: str, redraws: int) -> None:
    """Whichever way a row was drawn: at first, again, or by the exact fallback."""
    counts = [1, 2, 4, 8, 16]
    items = [item for item, count in enumerate(counts) for _ in range(count)]
    others = list(range(1, len(items) + 1))
    data = make([0, 0, *others], [1, 4, *items], shape=(len(items) + 1, 6))
    drawer = sampler(data, kind=kind, redraws=redraws, alpha=0.5)
    drawn = drawer.draw(torch.zeros(40_000, dtype=torch.int64), 1, seeded())
    popularity = np.array([1, 3, 4, 8, 17, 1])  # the last was never met: weighs as met once
    q = popularity**0.5 if kind == "popularity" else np.ones(6)
    expected = np.where(np.isin(np.arange(6), [1, 4]), 0, q)
    found = np.bincount(drawn.flatten().numpy(), minlength=6) / drawn.numel()
    np.testing.assert_allclose(found, expected / expected.sum(), atol=0.01)
    log_q = drawer.log_q(torch.arange(6))
    np.testing.assert_allclose(log_q, np.log(q / q.sum()), rtol=1e-5)
    figures = drawer.statistics()
    assert figures["negatives_redrawn"] == pytest.approx(q[[1, 4]].sum() / q.sum(), abs=0.01)
    assert (figures["negatives_exact"] > 0) == (redraws < 16)


def test_a_user_who_knows_everything_is_named(make) -> None:
    data = make([0, 0, 1], [0, 1, 0])
    with pytest.raises(UserError, match="user 0 has met all 2 items") as caught:
        sampler(data).draw(torch.tensor([1, 0]), 1, seeded())
    assert caught.value.remedy
    assert sampler(data).draw(torch.tensor([1]), 3, seeded()).tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(("settings", "n"), [(HARD_1_4, 4), (HARD_1_5, 5)])
def test_hard_negatives_are_the_best_scored_candidates(make, settings, n: int) -> None:
    data = make([0], [199], shape=(2, 200))
    seen: list[Tensor] = []

    def score(users: Tensor, items: Tensor) -> Tensor:
        seen.append(items)
        return by_code(users, items)

    drawer = NegativeSampler.of(data, settings)
    assert settings.per_positive == n
    drawn = drawer.draw(torch.tensor([0, 1]), n, seeded(), score)
    for row in range(2):
        best = sorted(set(seen[0][row].tolist()), reverse=True)[:n]
        assert drawn[row].tolist() == best
    figures = drawer.statistics()
    assert figures["negatives_hard"] == pytest.approx(drawn.float().mean().item())
    assert figures["negatives_random"] == pytest.approx(seen[0].float().mean().item())
    assert figures["negatives_gap"] > 0
    assert figures["negatives_gap"] == figures["negatives_hard"] - figures["negatives_random"]


def test_hard_negatives_leave_no_gradient(world: Interactions) -> None:
    weights = torch.ones(40, requires_grad=True)

    def score(_: Tensor, items: Tensor) -> Tensor:
        scores = weights[items]
        assert not scores.requires_grad
        return scores

    sampler(world, kind="hard").draw(torch.arange(3), 2, seeded(), score)


def test_statistics_are_reset_when_read(world: Interactions) -> None:
    drawer = sampler(world)
    drawer.draw(torch.arange(60), 2, seeded())
    assert 0 < drawer.statistics()["negatives_redrawn"] < 1
    assert drawer.statistics() == {"negatives_redrawn": 0.0, "negatives_exact": 0.0}


def test_the_sampler_goes_where_it_is_put(world: Interactions) -> None:
    moved = sampler(world, kind="popularity").to("cpu")
    assert moved.draw(torch.arange(60), 1, seeded()).device.type == "cpu"


@pytest.mark.parametrize(
    "tree", [{"kind": "hard", "per_positive": 40}, {"per_positive": 0}, {"alpha": -1.0}]
)
def test_settings_that_cannot_be_are_named(tree: dict[str, object]) -> None:
    key = "candidates" if "kind" in tree else next(iter(tree))
    with pytest.raises(UserError, match=key):
        validate(NegativeSettings, tree, "a test")

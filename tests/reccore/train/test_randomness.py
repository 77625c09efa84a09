import pytest
import torch

from reccore.train.randomness import deterministic, isolated, reseed, seeded

CPU = torch.device("cpu")


def test_reseed_is_the_manual_seed():
    with isolated(CPU):
        reseed(5, CPU)
        ours = torch.rand(3)
        torch.manual_seed(5)
        assert torch.equal(ours, torch.rand(3))


def test_isolated_gives_the_state_back_even_after_an_error():
    def spoil():
        with isolated(CPU):
            reseed(5, CPU)
            raise ValueError("x")

    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="x"):
        spoil()
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_sum_gradients_in_one_order():
    """Without it, six of six such gradients differed."""
    torch.set_num_threads(4)
    draw = torch.Generator().manual_seed(0)
    rows = torch.randint(50, (60000,), generator=draw)
    table = torch.randn(50, 16, generator=draw, requires_grad=True)
    factor = torch.randn(60000, 16, generator=draw)
    seen = set()
    with deterministic(True):
        assert torch.are_deterministic_algorithms_enabled()
        for _ in range(4):
            table.grad = None
            (table[rows] * factor).sum().backward()
            seen.add(table.grad.numpy().tobytes())
    assert len(seen) == 1
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_a_callers_choice_is_kept():
    torch.set_deterministic_debug_mode("warn")
    try:
        with deterministic(False):
            assert torch.get_deterministic_debug_mode() == 1
        with deterministic(True):
            assert torch.get_deterministic_debug_mode() == 2
        assert torch.get_deterministic_debug_mode() == 1
    finally:
        torch.set_deterministic_debug_mode("default")


def test_seeded_draws_are_the_seeds_and_leave_the_callers_alone() -> None:
    before = torch.random.get_rng_state()
    with seeded(7):
        first = torch.rand(3)
    with seeded(7):
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.random.get_rng_state(), before)

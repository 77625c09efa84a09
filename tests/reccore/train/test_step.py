import pytest
import torch
from toy import SEED, Toy, settings

from reccore.errors import TrainingError
from reccore.train.precision import Caster
from reccore.train.step import Stepper

CPU = torch.device("cpu")


def stepper(task, **chosen):
    return Stepper(task, settings(**chosen), 10, SEED, CPU)


def weights(task):
    return {name: t.clone() for name, t in task.module.state_dict().items()}


@pytest.mark.parametrize("mode", ["fixed", "uncertainty"])
@pytest.mark.parametrize("sizes", [(8, 8, 8), (11, 3), (1, 20, 5, 2)])
def test_microbatches_of_any_sizes_are_one_large_batch(mode, sizes):
    """Of terms with counts of their own; the batches have no noise, dropout or BatchNorm."""
    rows = torch.randperm(90, generator=torch.Generator().manual_seed(3))[: sum(sizes)]
    results = []
    for window in (rows.split(list(sizes)), [rows]):
        task = Toy(norm=False, dropout=0.0, noise=0.0)
        chosen = {"mode": mode, "weights": {"size": 0.3}}
        one = stepper(task, objective=chosen, clip_norm=0.0, lr=0.1)
        outcome = one.step(list(window), 0, 0)
        results.append((outcome, weights(task) | one.objective.state_dict()))
    (split, ours), (whole, reference) = results
    assert split.loss == pytest.approx(whole.loss, rel=1e-5)
    assert split.norm == pytest.approx(whole.norm, rel=1e-5)
    assert split.counts == whole.counts
    for name, value in reference.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-6)


def test_a_step_is_adamw_by_hand():
    """Loss, gradient, clipping, rate and decay against torch used directly."""
    task, reference = (Toy(norm=False, dropout=0.0, noise=0.0) for _ in range(2))
    groups = {"head": {"lr": 0.5, "weight_decay": 0.2}}
    chosen = {"clip_norm": 0.5, "weight_decay": 0.1, "lr": 0.01, "groups": groups}
    one = stepper(task, **chosen, schedule={"warmup_epochs": 0.4})
    net = reference.module
    optimizer = torch.optim.AdamW(
        [
            {"params": [net.first.weight], "weight_decay": 0.1},
            {"params": [net.first.bias, net.bias.weight], "weight_decay": 0.0},
            {"params": [net.head.weight], "weight_decay": 0.2, "lr": 0.5},
            {"params": [net.head.bias], "weight_decay": 0.0, "lr": 0.5},
        ],
        lr=0.01,
    )
    base = [group["lr"] for group in optimizer.param_groups]
    generator = torch.Generator()
    for step, factor in enumerate([0.25, 0.5, 0.75, 1.0, 1.0]):
        rows = torch.arange(step * 10, step * 10 + 10)
        outcome = one.step([rows], 0, step)
        terms = reference.terms(reference.prepare(rows, generator))
        loss = sum(term.sum / term.count for term in terms.values())
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        for group, lr in zip(optimizer.param_groups, base, strict=True):
            group["lr"] = lr * factor
        optimizer.step()
        assert outcome.loss == pytest.approx(loss.item(), rel=1e-5)
        assert outcome.norm == pytest.approx(norm.item(), rel=1e-4)
        assert outcome.norm > 0.5
        assert one.rates() == pytest.approx(
            {"main": 0.01 * factor, "main_plain": 0.01 * factor}
            | {"head": 0.5 * factor, "head_plain": 0.5 * factor}
        )
    for name, value in net.state_dict().items():
        torch.testing.assert_close(task.module.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_a_bad_step_changes_nothing_and_does_not_move_the_schedule():
    task = Toy()
    one = stepper(task, schedule={"kind": "cosine"})
    assert one.step([torch.arange(8)], 0, 0).good
    before, rates = weights(task), one.rates()
    task.poison = lambda: True
    assert not one.step([torch.arange(8)], 0, 1).good
    after = weights(task)
    for name in (n for n in before if "norm." not in n):
        assert torch.equal(before[name], after[name]), name
    assert torch.isfinite(task.module.norm.running_mean).all()
    assert (one.count, one.bad_run) == (1, 1)
    task.poison = lambda: False
    assert one.step([torch.arange(8)], 0, 2).good
    assert (one.count, one.bad_run) == (2, 0)
    assert one.rates()["main"] < rates["main"]


def test_one_bad_microbatch_spoils_its_step_only():
    task = Toy()
    one = stepper(task)
    turns = iter([False, True, False, False])
    task.poison = lambda: next(turns)
    assert not one.step([torch.arange(8), torch.arange(8)], 0, 0).good
    assert one.step([torch.arange(8), torch.arange(8)], 0, 2).good


def test_bad_steps_in_a_row_are_an_error_with_a_remedy():
    task = Toy()
    task.poison = lambda: True
    one = stepper(task, max_bad_steps=3)
    for _ in range(2):
        one.step([torch.arange(8)], 0, 0)
    with pytest.raises(TrainingError, match=r"3 steps in a row .*fit nan.*lower train.lr"):
        one.step([torch.arange(8)], 0, 0)


def test_counts_must_be_those_of_the_terms():
    task = Toy()
    task.counts = lambda batch: {"fit": 1.0, "size": 1.0}
    task.terms = lambda batch, terms=task.terms: {
        **terms(batch | {"rows": batch["rows"]}),
        "fit": terms(batch)["size"].__class__(torch.zeros(()), 2.0),
    }
    with pytest.raises(AssertionError, match=r"fit: counts\(\) says 1.0, its term says 2.0"):
        stepper(task).step([torch.arange(8)], 0, 0)


def test_fp16_skips_until_the_scale_fits_and_the_schedule_waits():
    task = Toy()
    one = stepper(task, precision="fp16", max_bad_steps=50, schedule={"kind": "cosine"})
    one.caster.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    before = weights(task)
    skipped = 0
    while not one.step([torch.arange(8)], 0, skipped).good:
        skipped += 1
        assert one.count == 0
        assert torch.equal(task.module.head.weight, before["head.weight"])
    assert skipped > 2
    assert one.caster.scaler.get_scale() == 2.0 ** (40 - skipped)
    assert one.count == 1
    assert not torch.equal(task.module.head.weight, before["head.weight"])


def test_a_step_the_scaler_drops_is_noticed():
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.AdamW([parameter], fused=True)
    caster = Caster("fp16", CPU)
    parameter.grad = torch.tensor([float("inf")])
    caster.scaler.scale(torch.ones(()))  # begins
    caster.scaler.unscale_(optimizer)
    assert not caster.step(optimizer, finite=True)
    assert parameter.item() == 1.0


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precisions_are_close_to_fp32(precision):
    losses = []
    for name in ("fp32", precision):
        task = Toy(dropout=0.0)
        one = stepper(task, precision=name)
        assert one.caster.name == name
        outcomes = [one.step([torch.arange(30)], 0, i) for i in range(20)]
        assert all(p.dtype == torch.float32 for p in task.module.parameters())
        losses.append([o.loss for o in outcomes if o.good])
    assert losses[1][:5] == pytest.approx(losses[0][:5], rel=0.05)
    assert losses[1][-1] < 0.9 * losses[1][0]

import pytest
import torch
from torch import nn
from toy import Toy, settings, train

from reccore.config import validate
from reccore.errors import UserError
from reccore.train.average import Average, heal_batch_norms, refresh_batch_norms
from reccore.train.settings import TrainSettings

NEVER = float("inf")


def weights_of(module):
    return module.weight.detach().clone()


def test_ema_is_the_formula():
    module = nn.Linear(3, 2)
    average = Average(module, 0.9, NEVER)
    expected = weights_of(module)
    for n in range(200):
        with torch.no_grad():
            module.weight += torch.randn(2, 3)
        average.after_step()
        decay = min(0.9, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * module.weight.detach()
    own = weights_of(module)
    with average.swapped():
        torch.testing.assert_close(module.weight.detach(), expected)
    assert torch.equal(module.weight, own)


def test_swa_is_the_mean_of_the_last_epochs():
    module = nn.Linear(3, 2)
    average = Average(module, 0.0, 3)
    seen = []
    for epoch in range(8):
        with torch.no_grad():
            module.weight += torch.randn(2, 3)
        assert average.active == (epoch > 3)
        average.after_step()
        average.after_epoch(epoch)
        seen.append(weights_of(module))
    with average.swapped():
        torch.testing.assert_close(module.weight.detach(), torch.stack(seen[3:]).mean(0))


def test_a_round_trip_keeps_the_average():
    module = nn.BatchNorm1d(3)
    average = Average(module, 0.5, NEVER)
    with torch.no_grad():
        module.weight += 1
        module.running_mean += 1
    average.after_step()
    other = Average(nn.BatchNorm1d(3), 0.5, NEVER)
    other.load_state_dict(average.state_dict())
    again = other.state_dict()
    assert again["updates"] == 1
    for name, mean in average.state_dict()["mean"].items():
        assert torch.equal(again["mean"][name], mean)
    assert {"weight", "running_mean"} <= again["mean"].keys()


def test_tied_weights_are_averaged_once():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module[1].weight = module[0].weight
    average = Average(module, 0.5, NEVER)
    assert len(average.state_dict()["mean"]) == 3
    with average.swapped():
        pass
    assert module[1].weight is module[0].weight


def test_batch_norm_statistics_are_the_plain_mean_and_nothing_else_changes():
    task = Toy(dropout=0.0)
    norm = task.module.norm
    generator = torch.Generator().manual_seed(0)
    batches = [task.prepare(torch.arange(i, i + 10), generator) for i in (0, 10, 20)]
    hidden = [task.module.first(batch["x"]) for batch in batches]
    kept = norm.num_batches_tracked
    refresh_batch_norms(task, batches)
    means = torch.stack([h.mean(0) for h in hidden])
    torch.testing.assert_close(norm.running_mean, means.mean(0).detach())
    assert norm.momentum == 0.1
    assert norm.num_batches_tracked is kept
    assert kept.item() == 0


def test_spoilt_statistics_are_healed_and_others_left():
    module = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2))
    module[0].running_mean.fill_(float("nan"))
    module[1].running_mean.fill_(3.0)
    heal_batch_norms(module)
    assert module[0].running_mean.tolist() == [0.0, 0.0]
    assert module[1].running_mean.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("chosen", [{"ema_decay": 0.9}, {"swa_start": 0.5}])
def test_the_averaged_weights_count_and_both_are_kept(tmp_path, chosen):
    task = Toy()
    history = train(tmp_path, settings(**chosen, patience=0), task)
    last = history.records[-1]
    assert last["val/score"] != last["raw/score"]
    best = history.best_record
    assert task.evaluate()["score"] == pytest.approx(best["val/score"], abs=1e-6)
    assert (tmp_path / "weights.safetensors").exists()
    assert (tmp_path / "weights.raw.safetensors").exists()
    before = [r for r in history.records if "raw/score" not in r]
    assert len(before) == (2 if "swa_start" in chosen else 0)


def test_one_average_at_a_time():
    with pytest.raises(UserError, match="exclude each other"):
        validate(TrainSettings, {"ema_decay": 0.9, "swa_start": 0.5}, "test")

import pytest
import torch

from reccore.errors import UserError
from reccore.train.precision import Caster, pick_device, place, resolve

CPU = torch.device("cpu")


def test_devices():
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type in ("cpu", "cuda")


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "hip:x"])
def test_a_device_that_is_not_there_is_named(name):
    with pytest.raises(UserError, match=f"device '{name}' cannot be used"):
        pick_device(name)


def test_auto_is_fp32_on_a_cpu():
    assert resolve("auto", CPU) == "fp32"
    assert resolve("bf16", CPU) == "bf16"


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_autocast_has_the_dtype(name, dtype):
    caster = Caster(name, CPU)
    a = torch.ones(2, 2)
    with caster.autocast():
        assert (a @ a).dtype == dtype
    assert caster.scaler.is_enabled() == (name == "fp16")


def test_place_moves_tensors_only():
    batch = {"x": torch.ones(2), "size": 2}
    assert place(batch, CPU) is batch
    moved = place(batch, torch.device("meta"))
    assert moved["x"].device.type == "meta"
    assert moved["size"] == 2

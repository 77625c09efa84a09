"""Shared by the gift products' tests: the shipped world and scenarios, and a small trained run."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from giftrec import settings, training
from giftrec.catalog.world import World, default_world
from giftrec.model.belief import STRIDE
from giftrec.model.integrated import GiftModel
from giftrec.runs import Run
from giftrec.scenarios.cover import covering_rows
from giftrec.scenarios.files import shipped_scenarios, write_scenarios
from giftrec.schema import Scenario

sys.path.insert(0, str(Path(__file__).parent))  # for recipients.py


@pytest.fixture(scope="session")
def world() -> World:
    return default_world()


@pytest.fixture(scope="session")
def rows(world: World) -> list[dict[str, str]]:
    """The combinations from which the shipped scenarios are made: it takes a few seconds."""
    return covering_rows(world.vocabulary, 7, 100)


@pytest.fixture(scope="session")
def shipped(world: World) -> tuple[Scenario, ...]:
    """The 100 scenarios that ship."""
    return shipped_scenarios(world).scenarios


@pytest.fixture(scope="module")
def one_array() -> Iterator[None]:
    """One covering array is enough here: each further one that is tried takes two seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("giftrec.scenarios.cover.SALTS", 1)
        yield


@pytest.fixture(scope="session")
def few(shipped: tuple[Scenario, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 24 of the shipped scenarios."""
    path = tmp_path_factory.mktemp("scenarios") / "few.json"
    write_scenarios(path, shipped[:24], {})
    return path


@pytest.fixture(scope="session")
def run(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The compact preset after two epochs on few scenarios. Nobody may change it."""
    changes = {"data": {"scenarios": str(few)}, "train": {"epochs": 2, "device": "cpu"}}
    out = tmp_path_factory.mktemp("runs") / "compact"
    return Run(training.train(settings.resolve(0, "compact", changes), out=out))


@pytest.fixture(scope="session")
def lively(world: World) -> GiftModel:
    """A narrow model whose every weight matters: as built, some are 0. Nobody may change it."""
    narrow = {"width": 16, "profile_hidden": [16], "fusion_hidden": 16, "tool_hidden": 16}
    model = training.build(settings.resolve(3, "compact", {"model": narrow}), world)
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            by = 1 / STRIDE if name.endswith(".moved") else 0.1  # a belief moves by its spread
            parameter.add_(by * torch.randn(parameter.shape, generator=draw))
    return model.eval()

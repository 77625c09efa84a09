"""The registry of a tiny model, and the secrets of a stack of containers."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from cinesync.bundles import export
from cinesync.settings import resolve
from cinesync.training import train
from reccore.bundle.registry import Registry

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """One blessed version of a small model."""
    home = tmp_path_factory.mktemp("registry")
    changes = {"data": {"options": {"users": 300, "items": 200}}, "evaluate": {"bootstrap": 0}}
    run = train(resolve("ease", changes=changes), out=home / "run")[0]
    found = Registry("cinesync", home / "models")
    found.add(export(run, home / "bundle").path, "films")
    found.activate("films", "1")
    return found


@pytest.fixture(scope="module")
def secrets_maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_secrets", DEPLOY / "make_secrets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def secrets(secrets_maker: ModuleType, tmp_path: Path) -> Path:
    assert secrets_maker.make(tmp_path / "secrets")
    return tmp_path / "secrets"

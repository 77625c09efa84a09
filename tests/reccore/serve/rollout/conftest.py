"""A registry of three versions: 1 was champion, 2 is, 3 is its challenger."""

from pathlib import Path

import pytest

from reccore.bundle.manifest import Manifest
from reccore.bundle.registry import Registry
from reccore.errors import UserError


def prove(folder: Path) -> None:
    """Versions here hold no model; one that should fail its proof has a file that says so."""
    if (folder / "bad").exists():
        raise UserError(f"{folder.name} is bad")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry("films", tmp_path / "models", prove)
    facts = {"product": "films", "blessed": True, "files": {}, "generation": 1}
    (tmp_path / "bundle").mkdir()
    Manifest(facts).write(tmp_path / "bundle")
    for version in ("1", "2", "3"):
        registry.add(tmp_path / "bundle", "ranker", version, challenger=True)
        if version != "3":
            registry.activate("ranker")
    assert registry.aliases("ranker") == {"champion": "2", "challenger": "3", "previous": "1"}
    return registry

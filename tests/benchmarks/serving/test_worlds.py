"""The made-up worlds are bundles that answer, and no history is asked twice."""

import json
from pathlib import Path

import pytest

from benchmarks.serving import worlds
from reccore.bundle.answer import Request
from reccore.bundle.bundle import Bundle
from reccore.serve.cache.key import Key
from reccore.serve.cache.memory import Memory


def test_versions_share_people_and_no_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("USERS", 30), ("ITEMS", 80), ("KEPT", tmp_path), ("ROOT", tmp_path / "m")):
        monkeypatch.setattr(worlds, name, value)
    assert worlds.people() == "people"
    registry = worlds.registry()
    registry.activate("people", "2")  # a run that was cut short
    worlds.people()
    assert registry.aliases("people") == {"champion": "1"}
    for version in (1, 2):
        bundle = Bundle.open(registry.root / "people" / str(version))
        found = [int(one.item) for one in bundle.answer(Request(user="7", k=5)).items]
        low = 1 + (version - 1) * worlds.APART
        assert len(found) == 5
        assert all(low <= item < low + 80 for item in found)


def test_real_histories_are_apart_and_hold_no_last_item(real_data: Path) -> None:
    found = worlds.real_histories(13_000)  # more than there are people
    assert len({tuple(history) for history in found}) == 13_000
    assert max(map(len, found)) == worlds.LONGEST
    assert min(map(len, found)) >= 3
    assert found[:20] == worlds.real_histories(20)


def test_what_is_asked() -> None:
    assert json.loads(worlds.of_user(42)) == {"user": "42", "count": 10}
    assert json.loads(worlds.of_history(["1", "2"])) == {"history": ["1", "2"], "count": 10}


def test_the_cache_is_called_as_it_wants_to_be() -> None:
    """What the scenario `hit` relies on."""
    memory = Memory(2**20, 60.0)
    key = Key("cinesync", "people", "1", 1, "", "7", b"{}")
    assert memory.put(key, b"answer", memory.moments.now())
    found = memory.get(key)
    assert found is not None
    assert found.value == b"answer"

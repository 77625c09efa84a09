"""`giftrec registry`: a gift bundle proves itself by its own golden answers before it answers."""

import json
import shutil
from pathlib import Path

import pytest

from giftrec.cli import app
from reccore.cli import exit_codes

SHIPPED = Path(__file__).parents[3] / "checkpoints" / "gifts"


def run(*words: str) -> int:
    return exit_codes(app, "giftrec", list(words))


def test_a_bundle_is_added_activated_and_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(tmp_path / "models")
    assert run("registry", "add", str(SHIPPED), "gifts", "--root", root, "--challenger") == 0
    assert run("registry", "activate", "gifts", "--root", root) == 0
    capsys.readouterr()
    assert run("registry", "list", "--root", root, "--json") == 0
    assert "champion" in json.dumps(json.loads(capsys.readouterr().out))
    asked = "--age 40 --relationship friend --occasion birthday --budget 50EUR --hobby reading"
    where = str(tmp_path / "models" / "gifts" / "1")
    shop = str(tmp_path / "shop")
    words = ("--run", where, "--catalog", shop, *asked.split(), "--json")
    assert run("recommend", *words) == 0
    assert json.loads(capsys.readouterr().out)["answers"][0]["reply"]["picks"]


def test_a_damaged_bundle_is_not_activated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "models"
    for _ in range(2):
        assert run("registry", "add", str(SHIPPED), "gifts", "--root", str(root)) == 0
    assert run("registry", "activate", "gifts", "1", "--root", str(root)) == 0
    graph = root / "gifts" / "2" / "graphs" / "wishes.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    assert run("registry", "activate", "gifts", "2", "--root", str(root)) == 2
    assert "the champion stays 1" in capsys.readouterr().err
    shutil.rmtree(root)

"""The distribution holds every file the packages need, and lives without its extras."""

import fnmatch
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from cinesync.cli import main; main()"


@pytest.mark.parametrize("package", ["reccore", "cinesync", "giftrec"])
def test_every_data_file_is_in_the_wheel(package: str) -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"][package]
    for file in (ROOT / package).rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".py":
            name = file.relative_to(ROOT / package).as_posix()
            assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), name


def test_every_dependency_is_pinned() -> None:
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    wanted = [*PROJECT["project"]["dependencies"]]
    for extra in ("train", "serve", "client", "dev"):
        wanted += PROJECT["project"]["optional-dependencies"][extra]
    names = {re.split(r"[\[>]", one)[0].lower().replace("_", "-") for one in wanted}
    missing = names - pinned
    assert not missing


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["models"], 0, ""),
        (["data", "list"], 0, ""),
        (["train", "two-tower"], 2, "torch is not installed (pip install 'giftrec[train]')"),
    ],
)
def test_without_torch(words: list[str], code: int, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) <= 1

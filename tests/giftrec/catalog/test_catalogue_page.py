"""The page on catalogues works as it is printed."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from giftrec.catalog.mapping import ALIASES
from giftrec.cli_catalog import catalog

PAGE = (Path(__file__).parents[3] / "docs" / "catalogue.md").read_text(encoding="utf-8")


def test_the_python_block_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "catalogue_page.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("catalogue_page")
    assert "'gifts': 500" in capsys.readouterr().out


def test_the_commands_parse() -> None:
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) > 8
    for line in lines:
        name, group, command, *rest = shlex.split(line)
        assert (name, group) == ("giftrec", "catalog")
        found = typer.main.get_command(catalog).commands[command]  # type: ignore[attr-defined]
        with found.make_context(command, rest):
            pass


def test_every_role_is_told_or_rare() -> None:
    table = PAGE.split("| role |")[1].split("\n\n")[0]
    told = set(re.findall(r"`([a-z_]+)`", table))
    assert set(ALIASES) - told == {"intimacy", "quality", "trendiness"}

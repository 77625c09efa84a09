"""Commands printed in the docs exist with these options; the quick start runs as printed."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from cinesync.cli import app
from giftrec.cli import app as gift_app
from reccore.cli import exit_codes

ROOT = Path(__file__).parents[2]
APPS = {"cinesync": app, "giftrec": gift_app}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: Path, name: str = "cinesync") -> list[list[str]]:
    """The words of every line of one of the command lines in a page's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith(f"{name} ")]


@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_printed_commands_parse(page: Path, name: str) -> None:
    root = typer.main.get_command(APPS[name])
    for words in commands(page, name):
        command, rest = root, list(words)
        while hasattr(command, "commands"):
            command = command.commands[rest.pop(0)]
        with command.make_context(words[0], rest):
            pass


def test_the_quick_start_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "quick-start.md"
    for words in commands(page):
        assert exit_codes(app, "cinesync", words) == 0, words
    code = next(b for b in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
    script = tmp_path / "snippet.py"
    script.write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("snippet")
    assert (tmp_path / "lists.parquet").exists()


@pytest.mark.parametrize(
    "page", ["training.md", "data.md", "moving.md", "gifts.md", "retrieval.md", "registry.md"]
)
def test_python_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "block_" + page.removesuffix(".md")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    (tmp_path / f"{name}.py").write_text("\n".join(blocks))
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__(name)

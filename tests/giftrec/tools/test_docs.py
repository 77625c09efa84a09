"""The page about the tools works as it is printed."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "tools.md"


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    (tmp_path / "tools_page.py").write_text("\n".join(blocks))
    monkeypatch.syspath_prepend(str(tmp_path))
    page = __import__("tools_page")
    page.runner.close()
    page.snapshot.close()
    printed = capsys.readouterr().out
    assert all(f"{tool} " in printed for tool in page.done.envelopes)
    assert page.done.envelopes["budget_optimizer"].data.best is not None

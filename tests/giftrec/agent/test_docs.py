"""The page about the agent works as it is printed, and its facts are those of the code."""

import re
import shutil
from pathlib import Path

from giftrec.agent.slots import HALF, MOST_OF
from giftrec.agent.wish import MOST
from giftrec.sentence import Defaults

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "agent.md").read_text(encoding="utf-8")


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "checkpoints" / "gifts", tmp_path / "checkpoints" / "gifts")
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "agent_page.py").write_text(block)
    monkeypatch.syspath_prepend(str(tmp_path))
    page = __import__("agent_page")
    page.agent.runner.close()
    page.snapshot.close()
    assert page.reply.picks
    printed = capsys.readouterr().out
    assert all(pick.title in printed for pick in page.reply.picks)


def test_the_figures_on_the_page_are_the_codes():
    usual = Defaults()
    filled = f"age {usual.age}, a {usual.relationship}, a {usual.occasion}, "
    assert filled + f"{usual.budget.minor // 100} EUR, {usual.days_left} days" in PAGE
    assert f"1 to {MOST} gifts" in PAGE
    assert (MOST_OF, HALF) == (0.75, 0.5)

"""The page for assistant builders says what there is, and its talk works as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

from giftrec.mcp.http import BODY_BYTES, IDLE_S, PATH
from giftrec.mcp.reading import GIFT, PAGES, PROMPT
from giftrec.mcp.recent import Recent
from giftrec.mcp.server import AT_ONCE, gift_tools
from giftrec.mcp.shared import Shared

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")


def test_every_tool_stands_in_the_table(shared: Shared) -> None:
    table = re.findall(r"<!-- tools -->(.*?)<!-- /tools -->", PAGE, re.DOTALL)[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert named == [tool.name for tool in gift_tools(shared)]


def test_what_there_is_to_read_is_named() -> None:
    for page in PAGES:
        assert page.uri in PAGE or f".../{page.uri.rpartition('/')[2]}" in PAGE
    assert GIFT + "{id}" in PAGE
    assert f"`{PROMPT}`" in PAGE


def test_its_figures_are_those_of_the_code() -> None:
    text = " ".join(PAGE.split())
    assert f"{AT_ONCE} calls are worked on at a time" in text
    assert f"bodies end at {BODY_BYTES // 1024} KiB" in text
    assert f"after {IDLE_S / 60:.0f} idle minutes" in text
    assert f"8000{PATH}`" in PAGE
    assert Recent()._most == 1000
    assert Recent()._keep_s == 3600


def test_the_talk_works(tmp_path: Path, bundle: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "gifts").symlink_to(bundle)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    assert "For a sibling, 30, birthday" in done.stdout
    assert "landed" in done.stdout

"""The pages about serving: what is read off the code is up to date, and what is printed runs."""

import ast
import importlib.util
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CINESYNC = [sys.executable, "-c", "from cinesync.cli import main; main()"]
PAGES = ["serve.md", "api.md", "deploy.md", "operate.md", "privacy.md"]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page(name), re.DOTALL)


@pytest.fixture(scope="module")
def render() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render", DOCS / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_read_off_the_code_is_up_to_date(render: ModuleType) -> None:
    for name, content in render.rendered().items():
        assert page(name) == content, f"{name} is out of date: python docs/render.py"


def test_every_setting_says_what_it_is(render: ModuleType) -> None:
    rows = [row.split(" | ") for row in render.settings().splitlines()[2:]]
    assert len(rows) > 30
    assert not [row for row in rows if len(row[-1].strip(" |")) < 4]


def test_every_field_of_the_api_has_a_type(render: ModuleType) -> None:
    assert "anything" not in re.sub(r"object of anything|list of anything", "", render.api())


def codes_in_the_code() -> set[str]:
    """What answers may say was not as asked: Said("code", ...), and the server's own."""
    found = {"server"}
    for path in (ROOT / "reccore" / "bundle").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Said":
                assert isinstance(node.args[0], ast.Constant)
                found.add(str(node.args[0].value))
    return found


def test_every_degraded_code_is_explained() -> None:
    (table,) = re.findall(r"## What `degraded` says\n(.*?)\nCounted", page("operate.md"), re.DOTALL)
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == codes_in_the_code()


def test_every_reason_that_is_only_counted_is_named() -> None:
    counted = set()
    for path in (ROOT / "reccore" / "serve").rglob("*.py"):
        counted |= set(re.findall(r'fell_back\("(\w+)"\)', path.read_text(encoding="utf-8")))
    assert counted
    text = page("operate.md")
    assert not [reason for reason in counted if f"`{reason}`" not in text]


def test_every_alert_has_a_line() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())["groups"][0]["rules"]
    listed = re.findall(r"^\| `(CineSync\w+)` \|", page("operate.md"), re.MULTILINE)
    assert listed == [rule["alert"] for rule in rules]


def refusals() -> dict[str, set[int]]:
    """Codes with their statuses, as the server's code has them."""
    found: dict[str, set[int]] = {}
    for folder in ("reccore/serve", "cinesync/api"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
                    status, code = node.args[:2]
                    if isinstance(status, ast.Constant) and isinstance(code, ast.Constant):
                        found.setdefault(str(code.value), set()).add(int(str(status.value)))
    return found


def test_every_429_and_503_is_explained() -> None:
    passing = {(status, code) for code, all_ in refusals().items() for status in all_ & {429, 503}}
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page("serve.md"), re.MULTILINE)
    assert {(int(status), code) for status, code in rows} == passing


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page(name)):
        file, _, anchor = target.partition("#")
        where = (DOCS / file).resolve() if file else DOCS / name
        assert where.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", where.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^a-z0-9 -]", "", t.lower()).replace(" ", "-") for t in titles}
            assert anchor in anchors, target


@pytest.mark.parametrize("name", PAGES)
def test_settings_that_pages_name_exist(name: str) -> None:
    known = set(re.findall(r"^\| `([a-z_.]+)` \|", page("serve.md"), re.MULTILINE))
    assert "cache.redis_url" in known
    sections = "work|cache|feedback|limits"
    named = set(re.findall(rf"\b((?:{sections})\.[a-z_]+)\b", page(name)))
    files = {"feedback.sqlite"}
    assert named - files <= known


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The page's own commands, in order; the last one serves. Its address, and the key."""
    home = tmp_path_factory.mktemp("quick")
    commands = [shlex.split(line) for line in blocks("serve.md", "console")[0].splitlines()]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = ""
    for _, *words in commands[:-1]:
        more = ["--json"] if words[0] == "keys" else []
        done = subprocess.run(
            [*CINESYNC, *words, *more], cwd=home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        if words[0] == "keys":
            key = json.loads(done.stdout)["key"]
    serving = [*CINESYNC, *commands[-1][1:], "--port", str(port)]
    process = subprocess.Popen(serving, cwd=home, stderr=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not ready(address):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield address, key
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health/ready", timeout=5):
            return True
    except OSError:
        return False


def test_the_quick_start_answers(served: tuple[str, str]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    address, key = served
    (command,) = blocks("serve.md", "bash")
    done = subprocess.run(
        ["bash", "-c", command.replace("http://127.0.0.1:8000", address)],
        env={**os.environ, "KEY": key}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert len(answer["items"]) == 3
    assert all(one["reasons"] for one in answer["items"])


def test_the_client_runs_as_printed(served: tuple[str, str]) -> None:
    address, key = served
    (code,) = blocks("serve.md", "python")
    done = subprocess.run(
        [sys.executable, "-c", code.replace("http://127.0.0.1:8000", address)],
        env={**os.environ, "KEY": key}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, then, refused = done.stdout.splitlines()
    assert first.split()[0] not in then
    assert refused.startswith("404 unknown_item item")

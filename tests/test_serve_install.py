"""The steps of deploy/Dockerfile, here: what they install answers, has no torch, writes nothing.

There is no container, so a virtual environment stands for the image, the Dockerfile's own COPY and
RUN lines fill it (with the extra [serve] alone), and its own ENTRYPOINT starts the server.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cinesync.bundles import export
from cinesync.settings import resolve
from cinesync.training import train
from reccore.bundle.registry import Registry

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
ABSENT = ("torch", "numba", "scipy", "pandas", "redis", "duckdb", "httpx2", "pytest")
MOST_MB = 500


def lines(stage: str) -> list[tuple[str, str]]:
    """The instructions of a stage of the Dockerfile: ("RUN", "pip install ...")."""
    (text,) = re.findall(rf"^FROM \S+ AS {stage}\n(.*?)(?=^FROM|\Z)", DOCKERFILE, re.M | re.S)
    found = [re.match(r"([A-Z]+) (.*)", line) for line in text.splitlines()]
    return [(line[1], line[2].strip()) for line in found if line]


def settings_of(stage: str) -> dict[str, str]:
    """What ENV sets."""
    told = " ".join(rest for word, rest in lines(stage) if word == "ENV")
    return dict(part.split("=", 1) for part in told.split())


@dataclass
class Image:
    """What the build stage makes, and how long that took."""

    venv: Path
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def packages(self) -> Path:
        return next(self.venv.glob("lib/python*/site-packages"))

    @property
    def megabytes(self) -> float:
        files = (path for path in self.venv.rglob("*") if path.is_file() and not path.is_symlink())
        return sum(path.stat().st_size for path in files) / 1e6


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    home = tmp_path_factory.mktemp("image")
    probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "tomli_w"]
    reached = subprocess.run(
        [*probe, "--dest", str(home)], capture_output=True, text=True, timeout=120, check=False
    )
    if reached.returncode:
        pytest.skip(f"no package index can be reached: {reached.stderr.strip()[-200:]}")
    source, made = home / "src", Image(home / "venv")
    source.mkdir()
    for word, rest in lines("build"):
        began = time.perf_counter()
        if word == "COPY":
            *names, _ = rest.split()
            for name in names:
                copy(ROOT / name, source / name)
        elif word == "RUN":
            words = (
                rest.replace("${EXTRAS}", "serve")
                .replace("/venv", str(made.venv))
                .replace("pip --python", f"{sys.executable} -m pip --python")
                .replace("python -m venv", f"{sys.executable} -m venv")
            )
            subprocess.run(words, shell=True, cwd=source, check=True, timeout=280)
            made.steps[rest] = time.perf_counter() - began
    return made


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    home = tmp_path_factory.mktemp("registry")
    changes = {"data": {"options": {"users": 300, "items": 200}}, "evaluate": {"bootstrap": 0}}
    run = train(resolve("ease", changes=changes), out=home / "run")[0]
    found = Registry("cinesync", home / "models")
    found.add(export(run, home / "bundle").path, "films")
    found.activate("films", "1")
    return found


@dataclass(frozen=True)
class Running:
    """A server as the image starts it."""

    port: int
    data: Path  # what is writable
    environment: dict[str, str]

    def ask(self, path: str, body: Any = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@pytest.fixture(scope="module")
def server(
    image: Image, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("data")
    entry, default = (
        json.loads(rest) for word, rest in lines("cpu") if word in ("ENTRYPOINT", "CMD")
    )
    words = [str(image.venv / "bin" / entry[0]), *entry[1:], *default]
    words[words.index("/models")] = str(registry.root)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **settings_of("cpu"),
        "PATH": f"{image.venv}/bin:{os.environ['PATH']}",
        "HOME": str(data),
        "TMPDIR": str(data),
        "SERVE_PORT": str(port),
        "SERVE_HOST": "127.0.0.1",  # the image's 0.0.0.0 would want keys
    }
    process = subprocess.Popen(words, cwd=data, env=environment, stderr=subprocess.PIPE, text=True)
    running = Running(port, data, environment)
    try:
        deadline = time.monotonic() + 60
        while healthy(image, running).returncode:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
        yield running
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def healthy(image: Image, running: Running) -> subprocess.CompletedProcess[str]:
    """The image's HEALTHCHECK."""
    (words,) = (rest.partition("CMD ")[2] for word, rest in lines("cpu") if word == "HEALTHCHECK")
    interpreter, script = json.loads(words)
    return subprocess.run(
        [image.venv / "bin" / interpreter, ROOT / "deploy" / Path(script).name],
        env=running.environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def files_of(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*")}


def test_it_answers_and_writes_only_where_it_may(
    image: Image, server: Running, registry: Registry
) -> None:
    """Nothing appears in the environment or the registry: both may be mounted read-only."""
    before = files_of(image.venv, registry.root)
    answer = server.ask("/v1/recommendations", {"history": ["10", "20"], "count": 3})
    assert len(answer["items"]) == 3
    assert (answer["model"], answer["model_version"]) == ("ease", "1.1")
    event = {"id": "1", "user": "somebody", "item": "10", "kind": "play"}
    assert server.ask("/v1/feedback", {"events": [event]})["stored"] == 1
    assert healthy(image, server).returncode == 0
    assert files_of(image.venv, registry.root) == before
    assert any(server.data.iterdir()), "feedback is kept"


def test_it_is_small_and_has_no_trainer(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    code = f"import importlib.util as u; print([m for m in {ABSENT!r} if u.find_spec(m)])"
    done = subprocess.run(
        [image.venv / "bin" / "python", "-c", code],
        cwd=image.venv, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
    size = image.megabytes
    with capsys.disabled():
        print(f"\n[serve] takes {size:.0f} MB; made in {sum(image.steps.values()):.0f} s")
        for folder in sorted(image.packages.iterdir(), key=bytes_of, reverse=True)[:8]:
            print(f"  {bytes_of(folder) / 1e6:6.1f} MB {folder.name}")
    assert size < MOST_MB


def bytes_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def test_it_brings_no_installer(image: Image) -> None:
    assert not (image.packages / "pip").exists()

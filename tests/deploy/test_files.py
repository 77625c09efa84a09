"""What is deployed names commands, routes and settings that exist, and is stopped in time."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]

from cinesync.app import application
from cinesync.cli import app
from reccore.bundle.registry import Registry
from reccore.serve.settings import ServeSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KUBERNETES = {
    part["kind"]: part for part in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
}


def parses(words: list[str]) -> None:
    """As a command line of cinesync."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    with command.make_context(words[0], rest):
        pass


def test_settings_outlast_a_stop(secrets: Path) -> None:
    """Whoever stops it waits longer than it announces, and finishes, its end."""
    made = ServeSettings.read(secrets / "serve.toml", environment={})
    finishing = 30
    assert int(SERVICES["cinesync"]["stop_grace_period"][:-1]) > made.drain_s + finishing
    pod = KUBERNETES["Deployment"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > 3 + 10 + finishing
    shipped = ServeSettings.read(DEPLOY / "serve.toml", environment={})
    unit = (DEPLOY / "cinesync.service").read_text()
    (patience,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert int(patience) > shipped.drain_s + finishing


def test_the_server_is_started_by_words_that_exist() -> None:
    entry, default = (docker_words(name) for name in ("ENTRYPOINT", "CMD"))
    assert entry[0] == "cinesync"
    parses([*entry[1:], *default])
    parses([*entry[1:], *SERVICES["cinesync"]["command"]])
    (container,) = KUBERNETES["Deployment"]["spec"]["template"]["spec"]["containers"]
    parses([*entry[1:], *container["args"]])
    (line,) = re.findall(
        r"^ExecStart=\S+/cinesync (.*)$", (DEPLOY / "cinesync.service").read_text(), re.MULTILINE
    )
    parses(shlex.split(line))
    comments = (DEPLOY / "compose.yaml").read_text()
    commands = re.findall(r"run --rm tools (\w.*?)(?:  +#.*)?$", comments, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        parses(shlex.split(command))


def test_extras_that_are_installed_exist() -> None:
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))
    known = set(project["project"]["optional-dependencies"])
    asked = re.findall(r"^ARG EXTRAS=(\S+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    pages = [*(DEPLOY.parent / "docs").glob("*.md"), DEPLOY.parent / "README.md"]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        asked += re.findall(r"(?:giftrec|\.)\[([a-z,]+)\]", text)
        asked += re.findall(r"EXTRAS=([a-z,]+)", text)
    assert len(asked) > 4
    assert {one for words in asked for one in words.split(",")} <= known


def docker_words(instruction: str) -> list[str]:
    text = (DEPLOY / "Dockerfile").read_text()
    found = {
        tuple(yaml.safe_load(words))
        for words in re.findall(rf"^{instruction} (\[.*\])$", text, re.MULTILINE)
    }
    (words,) = found  # both images start the same way
    return list(words)


def test_probes_ask_for_what_exists(registry: Registry, tmp_path: Path) -> None:
    settings = ServeSettings(ahead=0)
    routes = set(application(registry, "films", settings).app.openapi()["paths"])  # type: ignore[attr-defined]
    (container,) = KUBERNETES["Deployment"]["spec"]["template"]["spec"]["containers"]
    paths = [
        container[probe]["httpGet"]["path"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    ]
    paths += re.findall(r"GET (/\S+)", (DEPLOY / "haproxy.cfg").read_text())
    paths += re.findall(r"(/health/\w+)", (DEPLOY / "healthy.py").read_text())
    assert set(paths) <= routes
    assert len(paths) >= 5


def test_pods_may_do_little() -> None:
    pod = KUBERNETES["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["enableServiceLinks"] is pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    labels = KUBERNETES["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert KUBERNETES["Service"]["spec"]["selector"] == labels
    assert KUBERNETES["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("systemd-analyze is not installed")
    unit = (DEPLOY / "cinesync.service").read_text()
    there = unit.replace("/opt/cinesync/bin/cinesync", sys.executable)
    (tmp_path / "cinesync.service").write_text(there)
    done = subprocess.run(
        [analyse, "verify", "--man=no", str(tmp_path / "cinesync.service")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_haproxy_accepts_its_settings() -> None:
    haproxy = shutil.which("haproxy")
    if haproxy is None:
        pytest.skip("haproxy is not installed")
    done = subprocess.run(
        [haproxy, "-c", "-f", str(DEPLOY / "haproxy.cfg")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def healthy(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEPLOY / "healthy.py")],
        env={**os.environ, "SERVE_PORT": str(port), "http_proxy": "http://127.0.0.1:1"},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_nobody_there_is_not_healthy() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = healthy(free.getsockname()[1])
    assert done.returncode == 1
    assert "not ready" in done.stderr

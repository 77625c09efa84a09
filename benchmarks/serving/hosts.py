"""Processes that these measurements start and stop: the server, Redis, and a bare rival."""

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.worlds import ROOT
from reccore.config import Tree, dump_toml, merge
from reccore.errors import UserError
from reccore.serve.keys import KeyRing
from reccore.serve.limits import Limit

PROJECT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from cinesync.cli import main; main()"]
START, STOP = 120.0, 40.0  # seconds, at most
READY = "/health/ready"
ACTIVATE, ROLLBACK = "/v1/admin/activate", "/v1/admin/rollback"
RECOMMEND = "/v1/recommendations"


def settings(folder: Path) -> Tree:
    """What every server here runs with: key check, rate limit, logs and metrics on."""
    return {
        "keys": str(folder / "keys.toml"),
        "drain_s": 0.2,
        "cache": {"ttl_s": 3600},
        "limits": {"per_second": 1e6, "burst": 1_000_000},
        "feedback": {"url": str(folder / "feedback.sqlite"), "spool": str(folder / "spool")},
    }


@dataclass(frozen=True)
class Host:
    """A server that is ready."""

    port: int
    pid: int
    ready_seconds: float  # from the start of the process
    key: str = ""
    folder: Path = field(default_factory=Path)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{RECOMMEND}"

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def call(self, path: str, body: Any = None) -> Any:
        """One request beside the load, and its answer; a refusal is an error."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            said = None if body is None else json.dumps(body)
            kind = {"Content-Type": "application/json"}
            line.request("GET" if body is None else "POST", path, said, {**self.headers, **kind})
            answer = line.getresponse()
            content = answer.read()
        finally:
            line.close()
        if answer.status >= 300:
            raise UserError(f"{path} answered {answer.status}: {content[:300]!r}")
        return json.loads(content)


@contextmanager
def serving(
    name: str,
    more: Tree | None = None,
    command: Sequence[str] = (*COMMAND, "serve"),
    root: Path = ROOT,
) -> Iterator[Host]:
    """`cinesync serve NAME`, from start to a clean end."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), free_port()
        ring = KeyRing.load(folder / "keys.toml")
        _, key = ring.create("load", ("admin",), limit=Limit(1e6, 1_000_000))
        tree = merge(settings(folder), more or {})
        (folder / "serve.toml").write_text(dump_toml(tree), encoding="utf-8")
        words = [name, "--root", str(root), "--port", str(port)]
        words += ["--config", str(folder / "serve.toml")]
        with _running([*command, *words], port, READY, folder) as (pid, seconds):
            yield Host(port, pid, seconds, key, folder)


@contextmanager
def bare(bodies: Path) -> Iterator[Host]:
    """FastAPI with a validated body and a histogram, and nothing else."""
    with tempfile.TemporaryDirectory() as temporary:
        port = free_port()
        asked = [sys.executable, "-m", "benchmarks.serving.bare", str(port), str(bodies)]
        ends = (0, -signal.SIGTERM)  # uvicorn passes the signal on to itself
        with _running(asked, port, "/health", Path(temporary), ends) as (pid, seconds):
            yield Host(port, pid, seconds)


@contextmanager
def _running(
    command: list[str], port: int, path: str, folder: Path, ends: tuple[int, ...] = (0,)
) -> Iterator[tuple[int, float]]:
    """The process, once `path` answers 200. It must end by itself, and well, when told to."""
    log = folder / "log"
    with log.open("wb") as handle:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=handle, stderr=handle, cwd=PROJECT)
        try:
            while not _answers(port, path):
                if process.poll() is not None or time.monotonic() - began > START:
                    raise RuntimeError(f"{command} did not get ready:\n{_tail(log)}")
                time.sleep(0.002)
            yield process.pid, time.monotonic() - began
            process.send_signal(signal.SIGTERM)
            if process.wait(STOP) not in ends:
                raise RuntimeError(f"{command} ended with {process.returncode}:\n{_tail(log)}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _answers(port: int, path: str) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        line.request("GET", path)
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-3000:]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Redis:
    """A private one, that can die and come back on the same port with nothing in it."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("redis-server")
        if found is None:
            raise UserError("redis-server is not installed", "apt-get install redis-server")
        self.port = free_port()
        self._command = [found, "--port", str(self.port), "--bind", "127.0.0.1", "--dir"]
        self._command += [str(folder), "--save", "", "--appendonly", "no", "--maxmemory", "256mb"]
        self._command += ["--maxmemory-policy", "allkeys-lru", "--logfile", str(folder / "redis")]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command)
        for _ in range(500):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError("redis-server did not answer")

    def kill(self) -> None:
        """At once, as a machine that loses its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory() as folder:
        one = Redis(Path(folder))
        one.start()
        try:
            yield one
        finally:
            one.kill()


class Postgres:
    """A private one, that can die as in a crash and come back."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        if not found:
            raise UserError("Postgres is not installed", "apt-get install postgresql")
        self.port, self._bin, self._data = free_port(), found[0], str(folder / "data")
        self._log = str(folder / "log")
        self._owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._owner:
            shutil.chown(folder, "postgres")
        self._do("initdb", "-U", "bench", "-A", "trust", "-E", "UTF8")

    @property
    def url(self) -> str:
        return f"postgresql://bench@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        how = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self._do("pg_ctl", "start", "-w", "-l", self._log, "-o", how)

    def kill(self) -> None:
        self._do("pg_ctl", "stop", "-w", "-m", "immediate")

    def _do(self, program: str, *words: str) -> None:
        command = [*self._owner, str(self._bin / program), "-D", self._data, *words]
        subprocess.run(command, check=True, capture_output=True, cwd="/")


@contextmanager
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory() as folder:
        one = Postgres(Path(folder))
        one.start()
        try:
            yield one
        finally:
            with suppress(subprocess.CalledProcessError):  # it may be dead
                one.kill()


async def by_command(*words: str) -> None:
    """A command line of ours, beside the load. From a thread: an event loop's fork takes longer."""
    said = await asyncio.to_thread(
        subprocess.run, [*COMMAND, *words], cwd=PROJECT, capture_output=True, text=True
    )
    if said.returncode:
        raise UserError(f"{' '.join(words)} ended with {said.returncode}: {said.stderr[:300]}")

"""Servers of the tests' own: private, on loopback, stopped by who started them."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest


class RedisServer:
    """A Redis of the test's own, which it may kill, freeze and start again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--save", "", *options]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        _wait_for(lambda: self.say("PING").startswith("+PONG"), self.process)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def say(self, command: str) -> str:
        """One inline command, the raw reply."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as plug:
            plug.sendall(command.encode() + b"\r\nQUIT\r\n")
            reply = b""
            while part := plug.recv(65536):
                reply += part
        return reply.decode("latin-1")

    def keys(self, pattern: str = "*") -> list[str]:
        lines = self.say(f"KEYS {pattern}").splitlines()
        return [line for line in lines if line.startswith("giftrec:")]


class Postgres:
    """A server that can be stopped, frozen and started again."""

    url: str  # of a database of the test's own
    database: str

    def __init__(self, folder: Path) -> None:
        self.bin, self.folder, self.port = _binaries(), folder, _free_port()
        self.owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.owner:
            shutil.chown(folder, "postgres")
        self._do("initdb", "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync", "-N")
        self.start()

    def _do(self, program: str, *options: str) -> None:
        command = [*self.owner, str(self.bin / program), "-D", str(self.folder / "data"), *options]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd="/")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
        options += " -c unix_socket_directories='' -c autovacuum=off"
        log = str(self.folder / "log")
        self._do("pg_ctl", "start", "-w", "-l", log, "-o", options)
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        self.process = psutil.Process(pid)

    def stop(self) -> None:
        """At once, as in a crash."""
        self._do("pg_ctl", "stop", "-w", "-m", "immediate")

    def freeze(self) -> None:
        self.frozen = [self.process, *self.process.children(recursive=True)]
        for process in self.frozen:
            process.suspend()

    def thaw(self) -> None:
        for process in self.frozen:
            if process.is_running():
                process.resume()

    @property
    def running(self) -> bool:
        return self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE

    def address(self, database: str) -> str:
        return f"postgresql://tests@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        import psycopg

        with psycopg.connect(self.address(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    path = shutil.which("initdb") or (str(found[0]) if found else "")
    if not path:
        pytest.skip("no Postgres server is installed (initdb is missing)")
    return Path(path).resolve().parent


def _free_port() -> int:
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return int(plug.getsockname()[1])


def _wait_for(ready: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended at once"
        try:
            if ready():
                return
        except Exception:
            time.sleep(0.05)
    raise AssertionError("the server does not answer")


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    pytest.importorskip("redis")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Postgres]:
    pytest.importorskip("psycopg")
    _binaries()
    # not pytest's folder: the server's user may not enter it when root runs the tests
    folder = Path(tempfile.mkdtemp(prefix="tests-postgres-"))
    server = None
    try:
        server = Postgres(folder)
        yield server
    finally:
        if server is not None and server.running:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(_postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """The server, running, with an empty database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid))}"
    _postgres.execute(f"CREATE DATABASE {name}")
    _postgres.url, _postgres.database = _postgres.address(name), name
    yield _postgres
    if not _postgres.running:
        _postgres.start()
    _postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")

"""Private servers on loopback ports, stopped by who started them; clocks that stand still."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reccore.serve.cache.key import Key


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


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


class PostgresServer:
    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries, self.port = folder, binaries, _free_port()
        self.url = f"postgresql://giftrec@127.0.0.1:{self.port}/postgres"
        self.process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        if os.geteuid() == 0:
            self.folder.chmod(0o700)
            shutil.chown(self.folder, "postgres")
        subprocess.run(
            self._as_user(
                "initdb", "-D", str(self.folder / "data"), "-U", "giftrec", "-A", "trust"
            ),
            check=True,
            capture_output=True,
            cwd="/",
        )

    def start(self) -> None:
        options = ["-p", str(self.port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        options += ["-c", f"unix_socket_directories={self.folder}"]
        command = self._as_user("postgres", "-D", str(self.folder / "data"), *options)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log)
        _wait_for(self._answers, self.process)

    def kill(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGQUIT)  # at once, as in a crash
        self.process.wait()
        self.process = None

    def _answers(self) -> bool:
        import psycopg

        with psycopg.connect(self.url, connect_timeout=2) as db:
            return db.execute("select 1").fetchone() == (1,)

    def _as_user(self, name: str, *arguments: str) -> list[str]:
        head = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        return [*head, str(self.binaries / name), *arguments]


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
def postgres_server() -> Iterator[PostgresServer]:
    pytest.importorskip("psycopg")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    binaries = folders[0] if folders else Path(on_path).parent if on_path else None
    if binaries is None or not (binaries / "postgres").exists():
        pytest.skip("Postgres is not installed")
    # not pytest's folder: the server's user may not enter it when root runs the tests
    with tempfile.TemporaryDirectory(prefix="giftrec-postgres-") as folder:
        server = PostgresServer(Path(folder), binaries)
        server.create()
        try:
            server.start()
            yield server
        finally:
            server.kill()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key() -> Callable[..., Key]:
    def make(user: str = "ann", request: bytes = b"{}", **changes: object) -> Key:
        fields: dict[str, object] = {
            "product": "cinesync",
            "name": "sasrec",
            "version": "7",
            "generation": 3,
            "experiment": "",
        }
        return Key(user=user, request=request, **(fields | changes))  # type: ignore[arg-type]

    return make

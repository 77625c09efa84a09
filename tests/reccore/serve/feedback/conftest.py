"""A private Postgres for the tests of this folder, and both stores behind one fixture."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from reccore.serve.feedback import open_store

sys.path.insert(0, str(Path(__file__).parent))  # for happenings.py, which subprocesses use too


def _binaries():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    path = shutil.which("initdb") or (found and str(found[0]))
    if not path:
        pytest.skip("no Postgres server is installed (initdb is missing)")
    return Path(path).resolve().parent


class Postgres:
    """A server that can be stopped, frozen and started again."""

    def __init__(self, folder):
        self.bin, self.folder = _binaries(), folder
        self.owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.owner:
            shutil.chown(folder, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._do("initdb", "-U", "feedback", "-A", "trust", "-E", "UTF8", "--no-sync", "-N")
        self.start()

    def _do(self, program, *options):
        command = [*self.owner, str(self.bin / program), "-D", str(self.folder / "data"), *options]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd="/")

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
        options += " -c unix_socket_directories='' -c autovacuum=off"
        log = str(self.folder / "log")
        self._do("pg_ctl", "start", "-w", "-l", log, "-o", options)
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        self.process = psutil.Process(pid)

    def stop(self):
        self._do("pg_ctl", "stop", "-w", "-m", "immediate")

    def freeze(self):
        self.frozen = [self.process, *self.process.children(recursive=True)]
        for process in self.frozen:
            process.suspend()

    def thaw(self):
        for process in self.frozen:
            if process.is_running():
                process.resume()

    @property
    def running(self):
        return self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE

    def execute(self, statement, database="postgres"):
        import psycopg

        address = f"postgresql://feedback@127.0.0.1:{self.port}/{database}"
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def server():
    pytest.importorskip("psycopg")
    _binaries()
    folder = Path(tempfile.mkdtemp(prefix="feedback-postgres-"))
    postgres = None
    try:
        postgres = Postgres(folder)
        yield postgres
    finally:
        if postgres is not None and postgres.running:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(server, request):
    """The server, running, with an empty database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid))}"
    server.execute(f"CREATE DATABASE {name}")
    server.url = f"postgresql://feedback@127.0.0.1:{server.port}/{name}"
    server.database = name
    yield server
    if not server.running:
        server.start()
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request, tmp_path):
    """A function that opens the same store again and again."""
    if request.param == "sqlite":
        address = str(tmp_path / "feedback.sqlite")
    else:
        address = request.getfixturevalue("postgres").url
    return lambda: open_store(address, tmp_path / "spool")


@pytest.fixture
def using(opened):
    """Runs a coroutine function with a store that is closed afterwards."""

    def run(work, store=None):
        async def main():
            subject = store or opened()
            try:
                return await work(subject)
            finally:
                await subject.close()

        return asyncio.run(main())

    return run

"""Kill a process in the middle of its writing, and say what it had been told was stored."""

import os
import subprocess
import sys
import time
from pathlib import Path


def start_writer(url, spool, name, said):
    """It writes the ids that were acknowledged into the file `said`."""
    root = Path(__file__).resolve().parents[4]
    with said.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "writer.py"), str(url), str(spool), name],
            stdout=file,
            env={**os.environ, "PYTHONPATH": str(root)},
        )


def kill_when_busy(process, said, seconds=0.4):
    """The ids of whole lines it wrote: each was acknowledged before."""
    until = time.monotonic() + 60
    while not said.stat().st_size and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(seconds)
    assert process.poll() is None, "the writer died by itself"
    process.kill()
    process.wait()
    return said.read_text().split("\n")[:-1]


async def everything(store):
    return {one.id async for part in store.export() for one in part}

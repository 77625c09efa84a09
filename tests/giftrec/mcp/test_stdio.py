"""The real thing: a process, its stdin and stdout, and how it ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from talking import SISTER

from giftrec.catalog.live import Catalogue
from giftrec.catalog.sources.generated import generated
from giftrec.mcp.recommending import Recommended

MAIN = [sys.executable, "-c", "from giftrec.cli import main; main()", "mcp"]
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def _arguments(bundle: Path, catalogue: Path) -> list[str]:
    return [*MAIN, str(bundle), "--catalogue", str(catalogue), "--log", "json"]


@contextmanager
def _process(bundle: Path, catalogue: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        _arguments(bundle, catalogue),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _say(process: "subprocess.Popen[bytes]", message: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()


def _hear(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert process.stdout is not None
    heard: dict[str, Any] = json.loads(process.stdout.readline())
    return heard


def test_an_assistant_talks_to_it(bundle: Path, tmp_path: Path) -> None:
    """Tools, resources, calls at once, a catalogue that goes live meanwhile."""
    folder = tmp_path / "catalogue"
    Catalogue(folder).publish(*generated(45, 7))
    command, *arguments = _arguments(bundle, folder)
    server = StdioServerParameters(command=command, args=arguments)

    async def talked() -> None:
        async with Client(server) as client:
            assert len((await client.list_tools()).tools) == 9
            results = await asyncio.gather(
                *(client.call_tool("recommend_gifts", {"sentence": SISTER}) for _ in range(4))
            )
            told = [
                Recommended.model_validate_json(json.dumps(r.structured_content)) for r in results
            ]
            assert len({tuple(p.gift for p in one.picks) for one in told}) == 1
            assert (await client.call_tool("describe_gift", {"gift": "none"})).is_error
            before = told[0].catalogue
            Catalogue(folder).publish(*generated(60, 8))
            end = time.monotonic() + 90
            while time.monotonic() < end:
                result = await client.call_tool("recommend_gifts", {"sentence": SISTER})
                assert not result.is_error
                if result.structured_content["catalogue"] != before:
                    break
                await asyncio.sleep(0.2)
            else:
                pytest.fail("the new catalogue never answered")

    asyncio.run(talked())


def test_stdout_is_the_protocols_and_stderr_is_discreet(bundle: Path, catalogue: Path) -> None:
    with _process(bundle, catalogue) as process:
        _say(process, HELLO)
        assert _hear(process)["result"]["serverInfo"]["name"] == "giftrec"
        _say(process, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        calls = [
            ("recommend_gifts", {"sentence": "my aunt Zenobia loves sudoku, 40 euros"}),
            ("recommend_gifts", {"recipient": {"relationship": "Zenobia"}}),
            ("describe_gift", {"gift": "Zenobia"}),
            ("Zenobia", {}),
        ]
        for number, (tool, arguments) in enumerate(calls, 2):
            params = {"name": tool, "arguments": arguments}
            _say(
                process, {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            )
            assert _hear(process)["id"] == number
        assert process.stdin is not None
        process.stdin.write(b"Zenobia, this is no JSON\n")
        out, err = process.communicate(timeout=15)
        assert all(json.loads(line) for line in out.splitlines())
        assert b"enobia" not in err
        assert process.returncode == 0, "stdin ended, and so does the server"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_though_stdin_is_open(
    bundle: Path, catalogue: Path, number: signal.Signals
) -> None:
    with _process(bundle, catalogue) as process:
        _say(process, HELLO)
        _hear(process)
        process.send_signal(number)
        assert process.wait(timeout=5) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--catalogue", "nothing-here"], "giftrec catalog import"),
        (["no-bundle"], "is not a bundle"),
    ],
)
def test_what_is_missing_is_said_at_once(arguments: list[str], said: str, bundle: Path) -> None:
    where = [str(bundle)] if arguments[0].startswith("--") else []
    done = subprocess.run(
        [*MAIN, *where, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr

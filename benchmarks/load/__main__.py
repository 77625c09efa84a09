"""The command line of the load generator; see `benchmarks.load`."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import benchmarks.load as package
from benchmarks.load import Plan, Result, request, run, zipf
from benchmarks.load.constant import FIRST
from reccore.errors import UserError


@contextmanager
def constant(size: int = 800) -> Iterator[tuple[str, int]]:
    """URL and pid of a server of constant answers."""
    asked = [sys.executable, "-m", "benchmarks.load.constant", str(size)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, cwd=root) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().removeprefix(FIRST))
        try:
            yield f"http://127.0.0.1:{port}/", server.pid
        finally:
            server.terminate()


def ceiling(seconds: float, connections: int, rate: float | None) -> Result:
    with constant() as (url, pid):
        body = b'{"user": "1234", "count": 10}'
        asked = [request(url, body, {"Authorization": "Bearer 0123456789abcdef0123456789abcdef"})]
        return run(Plan(url, asked, seconds, connections, rate, pids=[pid]))


def bodies(file: Path) -> list[bytes]:
    lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    for number, line in enumerate(lines, 1):
        try:
            json.loads(line)
        except ValueError as error:
            raise UserError(f"{file} line {number} is not JSON: {error}") from None
    if not lines:
        raise UserError(f"{file} holds no request", "one JSON body a line")
    return lines


def planned(options: argparse.Namespace) -> Plan:
    headers = {}
    for given in options.header:
        name, colon, value = given.partition(":")
        if not colon:
            raise UserError(f"header {given!r} has no colon", "--header 'Name: value'")
        headers[name.strip()] = value.strip()
    if options.body is None:
        asked = [request(options.url, None, headers)]
    else:
        asked = [request(options.url, body, headers) for body in bodies(options.body)]
    if options.zipf is not None:
        draws = zipf(max(200_000, len(asked)), len(asked), options.zipf, options.seed)
        asked = [asked[which] for which in draws.tolist()]
    return Plan(
        options.url,
        asked,
        options.seconds,
        options.connections,
        options.rate,
        options.poisson,
        options.seed,
        options.timeout,
        pids=options.pid,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", nargs="?", help="of this machine")
    parser.add_argument("--body", type=Path, help="JSON bodies, one a line; none: GET")
    parser.add_argument("--header", action="append", default=[], help="'Name: value'")
    parser.add_argument("--zipf", type=float, help="draw the bodies with this exponent")
    parser.add_argument("--rate", type=float, help="requests a second; none: as fast as it goes")
    parser.add_argument("--poisson", action="store_true", help="arrivals by chance")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--timeout", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pid", type=int, action="append", default=[], help="of the server")
    parser.add_argument("--ceiling", action="store_true", help="measure the generator itself")
    options = parser.parse_args()
    if options.ceiling == (options.url is not None):
        parser.error("give a URL, or --ceiling")
    try:
        if options.ceiling:
            found = ceiling(options.seconds, options.connections, options.rate)
        else:
            found = run(planned(options))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found.to_json(), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())

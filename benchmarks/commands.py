"""How long the README's commands take, set up already, and what a huge evaluation holds.

python -m benchmarks.commands
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.record import append

COMMANDS = {
    "make demo": (["make", "demo"], "240 s"),
    "make test": (["make", "test"], "360 s"),
    "evaluate 100,000 users x 100,000 items": (
        [sys.executable, "-m", "benchmarks.memory_evaluate"],
        "2 GiB",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="measure only commands with this in the name")
    only = parser.parse_args().only
    for name, (command, bar) in COMMANDS.items():
        if only in name:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.perf_counter()
            subprocess.run(command, check=True, cwd=Path(__file__).parents[1])
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            append(
                "commands",
                name,
                seconds=time.perf_counter() - began,
                cpu_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                peak_gib=after.ru_maxrss / 2**20,  # the largest single process so far
                bar=bar,
            )


if __name__ == "__main__":
    main()

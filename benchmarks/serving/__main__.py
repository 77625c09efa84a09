"""The command line; see `benchmarks.serving`."""

import argparse

import benchmarks.serving as package
from benchmarks.serving.measure import SECONDS, Bench
from benchmarks.serving.scenarios import SCENARIOS
from benchmarks.serving.table import markdown


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=list(SCENARIOS), help="this scenario")
    parser.add_argument("--try", type=float, dest="seconds", default=SECONDS, metavar="SECONDS")
    options = parser.parse_args()
    for name, scenario in SCENARIOS.items():
        if options.only in (None, name):
            scenario(Bench(options.seconds))
    print(markdown())


if __name__ == "__main__":
    main()

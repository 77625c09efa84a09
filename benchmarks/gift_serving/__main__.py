"""The command line; see `benchmarks.gift_serving`."""

import argparse

import benchmarks.gift_serving as package
from benchmarks.gift_serving.scenarios import SCENARIOS
from benchmarks.gift_serving.table import NAME, markdown
from benchmarks.serving.measure import SECONDS, Bench


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gift_serving",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=list(SCENARIOS), help="this scenario")
    parser.add_argument("--try", type=float, dest="seconds", default=SECONDS, metavar="SECONDS")
    options = parser.parse_args()
    for name, scenario in SCENARIOS.items():
        if options.only in (None, name):
            scenario(Bench(options.seconds, NAME))
    print(markdown())


if __name__ == "__main__":
    main()

"""implicit's ALS on the CPU. Runs in an environment of its own:

    PEER/bin/python benchmarks/peers/implicit_als.py SPLIT.npz FACTORS.npz --settings JSON

SPLIT.npz holds users, items [N] and sizes [2]; FACTORS.npz gets users [U, F] and items [I, F].
Prints one line of JSON.
"""

import argparse
import json
import time

import implicit
import numpy as np
from implicit.als import AlternatingLeastSquares
from scipy import sparse


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("split")
    parser.add_argument("factors")
    parser.add_argument("--settings", type=json.loads, required=True)
    args = parser.parse_args()
    split = np.load(args.split)
    ones = np.ones(len(split["users"]), dtype=np.float32)
    met = sparse.csr_matrix((ones, (split["users"], split["items"])), shape=split["sizes"])
    for rows, options in ((met[:50], {"iterations": 1}), (met, {})):  # the first one warms up
        model = AlternatingLeastSquares(**{**args.settings, **options})
        began, cpu = time.perf_counter(), time.process_time()
        model.fit(rows, show_progress=False)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    np.savez(args.factors, users=model.user_factors, items=model.item_factors)
    library = f"implicit {implicit.__version__}"
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "library": library}))


if __name__ == "__main__":
    main()

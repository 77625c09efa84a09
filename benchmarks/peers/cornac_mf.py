"""cornac's biased matrix factorisation (compiled SGD). Runs in an environment of its own:

    PEER/bin/python benchmarks/peers/cornac_mf.py SPLIT.npz RATINGS.npz --settings JSON

SPLIT.npz holds users, items, values [N] and test_users, test_items [M]; RATINGS.npz gets
predicted ratings [M]. Prints one line of JSON.
"""

import argparse
import json
import time

import cornac
import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("split")
    parser.add_argument("ratings")
    parser.add_argument("--settings", type=json.loads, required=True)
    args = parser.parse_args()
    split = np.load(args.split)
    columns = (split[name].tolist() for name in ("users", "items", "values"))
    train = cornac.data.Dataset.from_uir(list(zip(*columns, strict=True)), seed=0)
    for options in ({"max_iter": 1}, {}):  # the first one warms up
        model = cornac.models.MF(**{**args.settings, **options})
        began, cpu = time.perf_counter(), time.process_time()
        model.fit(train)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    users = np.array([train.uid_map.get(user, -1) for user in split["test_users"].tolist()])
    items = np.array([train.iid_map.get(item, -1) for item in split["test_items"].tolist()])
    ratings = model.global_mean + model.u_biases[users] * (users >= 0)
    ratings += model.i_biases[items] * (items >= 0)
    products = np.einsum("nf,nf->n", model.u_factors[users], model.i_factors[items])
    ratings += products * ((users >= 0) & (items >= 0))
    limits = split["values"].min(), split["values"].max()
    np.savez(args.ratings, ratings=np.clip(ratings, *limits))
    library = f"cornac {cornac.__version__}"
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "library": library}))


if __name__ == "__main__":
    main()

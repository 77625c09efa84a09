"""Seconds an epoch of RecBole's BPR, on the CPU. Runs in an environment of its own:

    PEER/bin/python benchmarks/peers/recbole_bpr.py FOLDER --dim 64 --batch 8192 --epochs 3

FOLDER/pairs/pairs.inter has the columns user_id and item_id. Prints one line of JSON.
"""

import argparse
import json
import sys
import tempfile
import time

import recbole
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.model.general_recommender import BPR
from recbole.trainer import Trainer
from recbole.utils import init_seed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--dim", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    args = parser.parse_args()
    sys.argv = sys.argv[:1]  # RecBole reads it too
    with tempfile.TemporaryDirectory() as checkpoints:
        settings = {
            "data_path": args.folder,
            "checkpoint_dir": checkpoints,
            "load_col": {"inter": ["user_id", "item_id"]},
            "embedding_size": args.dim,
            "train_batch_size": args.batch,
            "train_neg_sample_args": {
                "distribution": "uniform",
                "sample_num": 1,
                "alpha": 1.0,
                "dynamic": False,
                "candidate_num": 0,
            },
            "eval_args": {
                "split": {"RS": [1.0, 0.0, 0.0]},
                "group_by": "none",
                "order": "RO",
                "mode": "full",
            },
            "learning_rate": 1e-3,
            "use_gpu": False,
            "show_progress": False,
            "state": "ERROR",
        }
        config = Config(model="BPR", dataset="pairs", config_dict=settings)
        init_seed(0, False)
        train, _, _ = data_preparation(config, create_dataset(config))
        trainer = Trainer(config, BPR(config, train._dataset))
        seconds, cpu_seconds = [], []
        for epoch in range(args.epochs):
            began, cpu = time.perf_counter(), time.process_time()
            trainer._train_epoch(train, epoch)
            seconds.append(time.perf_counter() - began)
            cpu_seconds.append(time.process_time() - cpu)
    figures = {"rows": len(train._dataset), "seconds": seconds, "cpu_seconds": cpu_seconds}
    figures |= {"library": f"recbole {recbole.__version__}", "torch": torch.__version__}
    print(json.dumps({**figures, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()

"""RecBole's SASRec, its loss over all items. Runs in an environment of its own:

    PEER/bin/python benchmarks/peers/recbole_sasrec.py --data SEQUENCES.npz --out FILE.jsonl

RecBole makes a sample of every prefix (7,668 steps an epoch at batch 128), each with one target.
With `--steps N` a line is written after every N steps in place of an epoch, and `--epochs` and
`--evaluate-every` count such lines. There `epoch` is a fraction; the totals, tokens and quality
are of the steps really made; `seconds` and `cpu_seconds` are those of N steps times the steps of
an epoch over N ("extrapolated": true). The feed-forward layer is as wide as the model, as in the
other peers (RecBole's default, 256, is four times as wide).
"""

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import recbole
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.model.sequential_recommender import SASRec
from recbole.trainer import Trainer
from recbole.utils import init_seed

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks.sequence_data import Floats, Ints, Log, Sequences, peer_options, read


def write(data: Sequences, folder: Path) -> None:
    """The training part, as RecBole reads it."""
    (folder / "sequences").mkdir()
    with (folder / "sequences" / "sequences.inter").open("w", encoding="utf-8") as handle:
        handle.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, row in enumerate(data.training()):
            handle.writelines(f"{user}\t{code}\t{at}\n" for at, code in enumerate(row.tolist()))


def config(args: argparse.Namespace, folder: Path) -> Config:
    settings = {
        "data_path": str(folder),
        "checkpoint_dir": str(folder),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": args.length,
        "n_layers": args.blocks,
        "n_heads": args.heads,
        "hidden_size": args.dim,
        "inner_size": args.dim,
        "hidden_dropout_prob": args.dropout,
        "attn_dropout_prob": args.dropout,
        "loss_type": "CE",
        "train_neg_sample_args": None,
        "train_batch_size": args.batch,
        "learning_rate": args.lr,
        "eval_args": {
            "split": {"RS": [1.0, 0.0, 0.0]},
            "group_by": "none",
            "order": "TO",
            "mode": "full",
        },
        "seed": args.seed,
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
    }
    return Config(model="SASRec", dataset="sequences", config_dict=settings)


def main() -> None:
    parser = peer_options(__doc__)
    parser.add_argument("--steps", type=int, help="in place of an epoch")
    args = parser.parse_args()
    sys.argv = sys.argv[:1]  # RecBole reads it too
    torch.set_num_threads(args.threads)
    data = read(args.data)

    @torch.no_grad()
    def score(users: Ints, part: str) -> Floats:
        model.eval()
        rows = torch.zeros(len(users), args.length, dtype=torch.long)
        sizes = torch.zeros(len(users), dtype=torch.long)
        for at, user in enumerate(users.tolist()):
            met = tokens[data.before(user, part)[-args.length :]]
            met = met[met > 0]
            rows[at, : len(met)], sizes[at] = torch.from_numpy(met), len(met)
        asked = Interaction({model.ITEM_SEQ: rows, model.ITEM_SEQ_LEN: sizes})
        scores = np.full((len(users), data.n_items), -np.inf, dtype=np.float32)
        scores[:, tokens > 0] = model.full_sort_predict(asked).numpy()[:, tokens[tokens > 0]]
        return scores

    facts = {"library": f"recbole {recbole.__version__}", "torch": torch.__version__}
    with tempfile.TemporaryDirectory() as folder:
        log = Log(args, data, score, **facts)
        write(data, Path(folder))
        settings = config(args, Path(folder))
        init_seed(args.seed, False)
        batches, _, _ = data_preparation(settings, create_dataset(settings))
        known = batches._dataset.field2token_id["item_id"]
        tokens = np.array([known.get(str(code), 0) for code in range(data.n_items)])  # 0: padding
        model = SASRec(settings, batches._dataset)
        trainer = Trainer(settings, model)
        train(trainer, batches, args.steps or len(batches), log)
    print(json.dumps(log.line))


def train(trainer: Trainer, batches: Any, steps: int, log: Log) -> None:
    samples, whole, batch = len(batches._dataset), len(batches), batches.step
    waiting: Iterator[Any] = iter(())
    made, left = 0, True
    while left:
        log.start()
        done = made % whole
        if done == 0:
            waiting = iter(batches)
        now = min(steps, whole - done)
        loss = trainer._train_epoch(itertools.islice(waiting, now), 0)
        log.stop()
        made += now
        seen = min((done + now) * batch, samples) - done * batch
        extra = {}
        if now < whole:
            extra = {
                "epoch": round(made / whole, 4),
                "seconds": round(log.seconds * whole / now, 1),
                "cpu_seconds": round(log.cpu_seconds * whole / now, 1),
                "extrapolated": True,
                "steps": now,
            }
        left = log.write(seen, loss / now, **extra)


if __name__ == "__main__":
    main()

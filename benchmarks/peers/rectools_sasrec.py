"""RecTools' SASRec, through its own Lightning trainer. Runs in an environment of its own:

    PEER/bin/python benchmarks/peers/rectools_sasrec.py --data SEQUENCES.npz --out FILE.jsonl

One `fit` of all epochs: a callback times each and stops at the budget. Everything that is no
option here keeps RecTools' default: full softmax, left padding, a feed-forward layer as wide as
the model, Adam with betas .9 and .98. Its `recommend` is asked for ten unseen items of each user,
which is all that the figures need.
"""

import functools
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import LambdaCallback
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks.sequence_data import Floats, Ints, K, Log, Sequences, peer_options, read


def dataset(data: Sequences, part: str) -> Dataset:
    """What was met before the held item of this part, a second between any two events."""
    rows = [data.before(user, part) for user in range(data.n_users)]
    columns = {
        Columns.User: np.repeat(np.arange(data.n_users), [len(row) for row in rows]),
        Columns.Item: np.concatenate(rows),
        Columns.Weight: 1,
        Columns.Datetime: pd.to_datetime(
            np.concatenate([np.arange(len(r)) for r in rows]), unit="s"
        ),
    }
    return Dataset.construct(pd.DataFrame(columns))


def main() -> None:
    args = peer_options(__doc__).parse_args()
    torch.set_num_threads(args.threads)
    lightning.seed_everything(args.seed)
    data = read(args.data)
    tokens = sum(min(len(row) - 1, args.length) for row in data.training())

    @functools.cache
    def recommended(part: str, epoch: int) -> Floats:
        """Scores [U, I]: the ten recommended items of a user by their rank, no other any."""
        del epoch  # it only keeps the answers of two epochs apart
        model.is_fitted = True  # within `fit` it is not yet said to be
        users = np.arange(data.n_users)
        found = model.recommend(users, dataset(data, part), k=K, filter_viewed=True)
        scores = np.full((data.n_users, data.n_items), -np.inf, dtype=np.float32)
        scores[found[Columns.User], found[Columns.Item]] = -found[Columns.Rank]
        model.lightning_model.train()
        return scores

    def score(users: Ints, part: str) -> Floats:
        return recommended(part, log.lines)[users]

    def on_epoch_end(trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        del module
        log.stop()
        loss = float(trainer.callback_metrics["train_loss"])
        trainer.should_stop = not log.write(tokens, loss)
        recommended.cache_clear()

    def trainer() -> lightning.Trainer:
        return lightning.Trainer(
            max_epochs=args.epochs,
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=LambdaCallback(
                on_train_epoch_start=lambda trainer, module: log.start(),
                on_train_epoch_end=on_epoch_end,
            ),
        )

    model = SASRecModel(
        n_blocks=args.blocks,
        n_heads=args.heads,
        n_factors=args.dim,
        dropout_rate=args.dropout,
        session_max_len=args.length,
        loss="softmax",
        lr=args.lr,
        batch_size=args.batch,
        dataloader_num_workers=0,
        recommend_torch_device="cpu",
        get_trainer_func=trainer,
    )
    library = f"rectools {version('rectools')}"
    log = Log(args, data, score, library=library, torch=torch.__version__)
    model.fit(dataset(data, "validation"))
    print(json.dumps(log.line))


if __name__ == "__main__":
    main()

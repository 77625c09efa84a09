"""A small task with everything a resume can get wrong, and a script that trains it.

Two terms of different counts, noise from the generator, dropout from the global one, an
embedding, BatchNorm, and a counter that only the task knows.
"""

import json
import sys
import time
from pathlib import Path

import torch
from torch import nn

from reccore.config import validate
from reccore.data.batches import IndexBatches
from reccore.track.tracker import Silent
from reccore.train.loop import TrainSettings, fit
from reccore.train.task import ParameterGroup, Task, Term, default_groups

SEED = 7


class Net(nn.Module):
    def __init__(self, norm: bool, dropout: float) -> None:
        super().__init__()
        self.bias = nn.Embedding(12, 1)
        self.first = nn.Linear(5, 8)
        self.norm = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(8, 1)

    def forward(self, x, ids):
        hidden = self.drop(torch.relu(self.norm(self.first(x))))  # [B, 8]
        return (self.head(hidden) + self.bias(ids)).squeeze(-1), hidden


class Toy(Task):
    monitor = "score"
    term_names = ("fit", "size")

    def __init__(self, rows=90, norm=True, dropout=0.2, noise=0.1, init=0, held_out=True):
        torch.manual_seed(init)
        self.module = Net(norm, dropout)
        self.rows, self.noise, self.held_out = rows, noise, held_out
        draw = torch.Generator().manual_seed(1)
        self.x = torch.randn(rows, 5, generator=draw)
        self.ids = torch.randint(12, (rows,), generator=draw)
        self.y = self.x.sum(1) + self.ids / 6
        self.weight = torch.randint(0, 3, (rows,), generator=draw).float()
        self.met = 0
        self.poison = lambda: False  # True: this batch is NaN

    def prepare(self, rows, generator):
        noise = torch.randn(len(rows), 5, generator=generator) * self.noise
        return {"x": self.x[rows] + noise, "rows": rows, "poisoned": self.poison()}

    def counts(self, batch):
        rows = batch["rows"]
        return {"fit": float(self.weight[rows].sum()), "size": 8.0 * len(rows)}

    def terms(self, batch):
        rows = batch["rows"]
        self.met += len(rows)
        x = batch["x"] * float("nan") if batch["poisoned"] else batch["x"]
        guess, hidden = self.module(x, self.ids[rows])
        error = (guess - self.y[rows]) ** 2 * self.weight[rows]
        counts = self.counts(batch)
        return {
            "fit": Term(error.sum(), counts["fit"]),
            "size": Term(hidden.abs().sum(), counts["size"]),
        }

    @torch.no_grad()
    def evaluate(self):
        if not self.held_out:
            return {}
        guess, _ = self.module(self.x, self.ids)
        return {"score": -float(((guess - self.y) ** 2).mean()), "other": 1.0}

    def statistics(self):
        met, self.met = self.met, 0
        return {"met": float(met)}

    def state_dict(self):
        return {"met": self.met}

    def load_state_dict(self, state):
        self.met = state["met"]

    def parameter_groups(self):
        body = default_groups(self.module)
        head = {id(p) for p in self.module.head.parameters()}
        for group in body:
            rest = tuple(p for p in group.parameters if id(p) not in head)
            yield ParameterGroup(group.name, rest, group.decay)
        yield ParameterGroup("head", (self.module.head.weight,))
        yield ParameterGroup("head_plain", (self.module.head.bias,), decay=False)


def settings(**changes) -> TrainSettings:
    base = {"epochs": 4, "batch_size": 8, "lr": 0.02, "device": "cpu", "checkpoint_minutes": 0.0}
    return validate(TrainSettings, base | changes, "test")


def train(folder, chosen, task=None, tracker=None, resume=False, seed=SEED, **more):
    task = task or Toy()
    batches = IndexBatches(task.rows, chosen.batch_size, seed)
    return fit(task, batches, chosen, Path(folder), seed, tracker, resume=resume, **more)


class Slow(Silent):
    """Leaves time to be killed."""

    def progress(self, epoch, step, steps, loss):
        time.sleep(0.01)


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(sys.argv[1], settings(**json.loads(sys.argv[2])), tracker=Slow())

"""Training of two towers: a batch of users, part of each history hidden, and what it should score.

Terms: `retrieval` (softmax over the catalogue or over shared negatives), `hard` (each target
against strangers that score best), `ridge` (a penalty, see `Towers.ridge`), `rating` (squared
error on the normalised scale).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from cinesync.models.neural import Validate
from cinesync.models.sampled import (
    MASKED,
    SharedNegatives,
    full_softmax,
    hard_softmax,
    hardest,
    sampled_softmax,
)
from cinesync.models.towers import Bag
from cinesync.models.two_tower import Towers
from reccore.data.dataset import Dataset
from reccore.data.positives import Positives
from reccore.errors import UserError
from reccore.train.task import Batch, Task, Term


@dataclass(frozen=True)
class Encoded:
    """A batch after both towers. Columns are items: all of them, or those the batch needs."""

    bag: Bag  # what was shown
    places: Tensor  # [nnz] columns of what was shown
    users: Tensor  # [B, d]
    raw: Tensor  # [N, d + 1]
    vectors: Tensor  # [N, d]
    bias: Tensor  # [N]
    targets: Tensor  # [P] columns
    negatives: Tensor  # [M] columns; with the full softmax, all


class TwoTowerTask(Task):
    """Rows are users with two items or more: one to show, one to find."""

    module: Towers

    def __init__(self, module: Towers, data: Dataset, validate: Validate) -> None:
        rows = data.interactions
        self.module, self.validate, self.settings = module, validate, module.settings
        order = rows.by_user
        keys = rows.users[order].astype(np.int64) * len(data.items) + rows.items[order]
        order = order[np.sort(np.unique(keys, return_index=True)[1])]  # the first time counts
        counts = np.bincount(rows.users[order])
        self.users = torch.from_numpy(np.flatnonzero(counts > 1))  # [rows]
        if not len(self.users):
            raise UserError(
                "no user of the training part has two items", "use more data, or another split"
            )
        self.rows = len(self.users)
        self.items = torch.from_numpy(rows.items[order].astype(np.int64))  # [nnz]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.offsets = torch.from_numpy(offsets)  # [users + 1]
        self.catalogue = len(data.items)
        s = self.settings
        popularity = torch.from_numpy(np.bincount(rows.items, minlength=self.catalogue))
        self.sampled = s.negatives is not None and s.negatives < self.catalogue
        self.proposal = SharedNegatives(popularity, s.proposal, s.alpha)
        self.positives = Positives.of(rows) if self.sampled else None
        self.ratings = self._ratings(data, order)
        self._gap = torch.zeros(3, dtype=torch.float64)  # hard, random, how often

    def _ratings(self, data: Dataset, order: npt.NDArray[np.int64]) -> Tensor | None:
        """Normalised and smoothed ratings of `items`: [nnz]."""
        if self.module.rating is None:
            return None
        values = data.interactions.values
        if values is None:
            raise UserError(
                f"rating={self.settings.rating!r} needs ratings, and this data has none",
                "map a column to value, or set model.rating=off",
            )
        scale, s = self.module.rating.scale, self.settings.rating_smoothing
        targets = scale.normalise(torch.from_numpy(values[order]).to(scale.mean.device))
        return ((1 - s) * targets + s * scale.middle).cpu()

    @property
    def term_names(self) -> tuple[str, ...]:
        s = self.settings
        wanted = {"retrieval": True, "hard": bool(s.hard.ratio), "ridge": bool(s.ridge)}
        ranking = () if s.rating == "only" else tuple(name for name, yes in wanted.items() if yes)
        return (*ranking, *(() if s.rating == "off" else ("rating",)))

    def counts(self, batch: Batch) -> dict[str, float]:
        every = self.sizes(batch)
        return {name: every[name] for name in self.term_names}

    def sizes(self, batch: Batch) -> dict[str, float]:
        """Elements of every term there could be."""
        targets = float(len(batch["targets"]))
        return {"retrieval": batch["weight"], "hard": targets, "ridge": 1.0, "rating": targets}

    def evaluate(self) -> dict[str, float]:
        return self.validate()

    def prepare(self, rows: Tensor, generator: torch.Generator) -> Batch:
        s = self.settings
        codes = self.users[rows]
        starts, lengths = self.offsets[codes], self.offsets[codes + 1] - self.offsets[codes]
        ends = lengths.cumsum(0)
        owner = torch.repeat_interleave(lengths)  # [nnz]
        at = torch.arange(len(owner)) + (starts - ends + lengths)[owner]
        hidden = self._hide(owner, len(rows), generator)
        items, shown = self.items[at], ~hidden
        target = hidden if s.targets == "hidden" else torch.ones_like(hidden)
        target_rows = owner[target]
        n = torch.bincount(target_rows, minlength=len(rows)).float()
        weights = (n ** (s.user_weight - 1))[target_rows]
        kept = torch.bincount(owner[shown], minlength=len(rows)).cumsum(0)
        batch = {
            "codes": codes,
            "items": items[shown],
            "offsets": torch.cat([kept.new_zeros(1), kept]),
            "targets": items[target],
            "rows": target_rows,
            "weights": weights,
            "weight": float(weights.sum()),
            "size": len(rows),
        }
        if self.ratings is not None:
            batch["ratings"] = self.ratings[at][target]
        if self.sampled and s.negatives is not None:
            assert self.positives is not None
            drawn = self.proposal.draw(s.negatives, generator)
            batch["negatives"] = drawn
            batch["known"] = self.positives.contains(codes[:, None], drawn[None])
            batch["log_counts"] = self.proposal.log_counts(drawn, s.negatives)
        if s.hard.ratio:
            top = min(s.hard.top, s.negatives if self.sampled and s.negatives else self.catalogue)
            shape = (len(target_rows), s.hard.ratio)
            batch["picks"] = torch.randint(top, shape, generator=generator)
        return batch

    def _hide(self, owner: Tensor, size: int, generator: torch.Generator) -> Tensor:
        """What is hidden of each user, one item at least: [nnz] bool."""
        share = torch.full((size,), self.settings.history_dropout)
        if self.settings.vary_dropout:
            reach = min(self.settings.history_dropout, 1 - self.settings.history_dropout)
            share += (2 * torch.rand(size, generator=generator) - 1) * reach
        luck = torch.rand(len(owner), generator=generator)
        least = torch.ones(size).scatter_reduce(0, owner, luck, "amin")
        return (luck < share[owner]) | (luck == least[owner])

    def encode(self, batch: Batch) -> Encoded:
        module, bag = self.module, Bag(batch["items"], batch["offsets"])
        if self.sampled:
            parts = (bag.items, batch["targets"], batch["negatives"])
            needed, inverse = torch.unique(torch.cat(parts), return_inverse=True)
            places, targets, negatives = inverse.split([len(part) for part in parts])
            raw = module.items.raw(needed)
            vectors, bias = module.item_vectors(raw)
        else:
            places, targets = bag.items, batch["targets"]
            raw, vectors, bias = module.catalogue()
            negatives = torch.arange(len(bias), device=bias.device)
        users = module.user_vectors(batch["codes"], bag, raw, places)
        return Encoded(bag, places, users, raw, vectors, bias, targets, negatives)

    def terms(self, batch: Batch) -> dict[str, Term]:
        encoded, counts = self.encode(batch), self.counts(batch)
        sums: dict[str, Tensor] = {}
        if "retrieval" in counts:
            sums |= self.ranking(encoded, batch)
        if "ridge" in counts:
            sums["ridge"] = self.settings.ridge * self.module.ridge()
        if "rating" in counts:
            sums["rating"] = self._rating(encoded, batch)
        return {name: Term(sums[name], counts[name]) for name in counts}

    def logits(self, encoded: Encoded) -> Tensor:
        """Scores of the candidates: [B, M], float32 whatever the autocast."""
        vectors, bias = encoded.vectors, encoded.bias
        if self.sampled:
            vectors, bias = vectors[encoded.negatives], bias[encoded.negatives]
        return (encoded.users @ vectors.T).float() + bias.float()

    def target_logits(self, encoded: Encoded, rows: Tensor) -> Tensor:
        """Scores of the targets: [P]."""
        vectors = encoded.vectors[encoded.targets]
        products = (encoded.users[rows] * vectors).sum(1)
        return products.float() + encoded.bias[encoded.targets].float()

    def known(self, batch: Batch, encoded: Encoded) -> Tensor:
        """Candidates that a user has met, shown or hidden: [B, M] bool."""
        if self.sampled:
            known: Tensor = batch["known"]
            return known
        known = self.shown(encoded, len(encoded.users), len(encoded.bias))
        known[batch["rows"], encoded.targets] = True
        return known

    @staticmethod
    def shown(encoded: Encoded, users: int, columns: int) -> Tensor:
        """What each user was shown: [users, columns] bool."""
        shown = torch.zeros(users, columns, dtype=torch.bool, device=encoded.users.device)
        shown[encoded.bag.rows, encoded.places] = True
        return shown

    def ranking(self, encoded: Encoded, batch: Batch) -> dict[str, Tensor]:
        """Sums of the terms `retrieval` and, where wanted, `hard`."""
        s, rows, logits = self.settings, batch["rows"], self.logits(encoded)
        smoothing, weights = s.label_smoothing, batch["weights"]
        if self.sampled:
            targets = self.target_logits(encoded, rows)
            log_counts = batch["log_counts"] if s.logq else None
            loss = sampled_softmax(
                targets, rows, logits, batch["known"], log_counts, weights, smoothing
            )
        else:
            targets = logits[rows, encoded.targets]
            open_ = logits
            if s.targets == "hidden":
                open_ = logits.masked_fill(self.shown(encoded, *logits.shape), MASKED)
            loss = full_softmax(open_, rows, encoded.targets, weights, smoothing)
        sums = {"retrieval": loss}
        if s.hard.ratio:
            known = self.known(batch, encoded)
            masked = logits.masked_fill(known, MASKED)
            hard = masked.gather(1, hardest(logits, known, s.hard.top))
            sums["hard"] = hard_softmax(targets, rows, hard, batch["picks"])
            self._watch(hard.detach(), masked.detach())
        return sums

    def _rating(self, encoded: Encoded, batch: Batch) -> Tensor:
        assert self.module.rating is not None
        rows = batch["rows"]
        vectors = encoded.vectors[encoded.targets]
        predicted = self.module.rating(
            batch["codes"][rows], encoded.users[rows], batch["targets"], vectors
        )
        return functional.mse_loss(predicted.float(), batch["ratings"], reduction="sum")

    def _watch(self, hard: Tensor, every: Tensor) -> None:
        for slot, logits in enumerate((hard, every)):
            real = logits[logits > MASKED / 2]
            self._gap[slot] += float(real.mean()) if len(real) else 0.0
        self._gap[2] += 1

    def statistics(self) -> dict[str, float]:
        """Mean scores of hard and of all negatives since the last call."""
        hard, random, times = self._gap.tolist()
        self._gap.zero_()
        if not times:
            return {}
        means = {"negatives_hard": hard / times, "negatives_random": random / times}
        return means | {"negatives_gap": (hard - random) / times}


class RatingTask(TwoTowerTask):
    """The best epoch is the one that predicts ratings best."""

    monitor: ClassVar[str] = "rmse"
    higher_is_better = False


def two_tower_task(module: Towers, data: Dataset, validate: Validate) -> TwoTowerTask:
    kind = RatingTask if module.settings.rating == "only" else TwoTowerTask
    return kind(module, data, validate)

"""Training of sequence models: windows of histories, and after each token the item that came."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cinesync.models.events import Events, Tokens
from cinesync.models.neural import Validate
from cinesync.models.next_item import (
    binary,
    full_softmax,
    quick_bf16,
    sampled_softmax,
)
from cinesync.models.sampled import MASKED, SharedNegatives
from cinesync.models.sequence import SequenceNet
from reccore.data.dataset import Dataset
from reccore.errors import UserError
from reccore.train.task import Batch, Task, Term


class SequenceTask(Task):
    """Rows are windows: stretches of a history that are read together."""

    module: SequenceNet

    def __init__(self, module: SequenceNet, data: Dataset, validate: Validate) -> None:
        self.module, self.validate, self.settings = module, validate, module.settings
        s, rows = self.settings, data.interactions
        if rows.timestamps is None and rows.order is None:
            raise UserError(
                "a sequence model needs to know what came first, and this data has no order",
                "map a column to timestamp or order",
            )
        if s.temporal != "off" and rows.timestamps is None:
            raise UserError(
                f"temporal={s.temporal!r} reads times, and this data has none",
                "map a column to timestamp, or set model.temporal=off",
            )
        histories, now = rows.histories, None
        if rows.timestamps is not None:  # any time will do: a last item is a target and not read
            now = np.full(len(histories), rows.timestamps.max(initial=0))
        self.events = Events.of(histories, now, s.temporal)
        self.windows = Windows(histories.offsets, s.length, s.windows == "all")
        self.rows = len(self.windows)
        catalogue = len(data.items)
        if s.loss != "softmax" and s.negatives >= catalogue:
            raise UserError(
                f"negatives={s.negatives} of {catalogue} items", "use fewer, or loss=softmax"
            )
        counts = torch.from_numpy(np.bincount(rows.items, minlength=catalogue))
        self.proposal = SharedNegatives(counts, s.proposal, s.alpha)
        self.power = s.power(catalogue)
        self.short = s.products == "bf16"

    def to(self, device: torch.device) -> None:
        super().to(device)
        if self.settings.products == "auto":
            self.short = quick_bf16(device)

    @property
    def term_names(self) -> tuple[str, ...]:
        return (self.settings.loss,)

    def evaluate(self) -> dict[str, float]:
        return self.validate()

    def prepare(self, rows: Tensor, generator: torch.Generator) -> Batch:
        s = self.settings
        starts, lengths = self.windows.draw(rows, generator)
        order = torch.argsort(lengths, descending=True, stable=True)
        tokens = self.events.pack(starts[order], lengths[order])
        targets = self.events.items[tokens.index[tokens.layout.real] + 1]
        if s.temporal == "now":
            tokens = forgetful(tokens, s.forget_now, generator)
        batch = {"tokens": tokens, "targets": targets, "size": len(targets)}
        if s.loss != "softmax":
            shape = (s.negatives,) if s.shared else (len(targets), s.negatives)
            count = s.negatives if s.shared else s.negatives * len(targets)
            drawn = self.proposal.draw(count, generator).view(shape)
            batch["negatives"] = drawn
            if s.loss == "sampled" and s.logq:
                batch["log_counts"] = self.proposal.log_counts(drawn, s.negatives)
        return batch

    def terms(self, batch: Batch) -> dict[str, Term]:
        s, targets = self.settings, batch["targets"]
        states = self.module.states(batch["tokens"])  # [P, d]
        table, bias = self.module.items.weight, self.module.bias
        if s.loss == "softmax":
            states = states.float()
            loss = full_softmax(states, table, bias, targets, s.label_smoothing, self.short)
        else:
            right = (states * table[targets]).sum(1).float() + bias[targets]  # [P]
            wrong = self._wrong(states, batch["negatives"], targets)  # [P, M]
            if s.loss == "sampled":
                loss = sampled_softmax(right, wrong, batch.get("log_counts"), s.label_smoothing)
            else:
                loss = binary(right, wrong, self.power)
        return {s.loss: Term(loss, float(batch["size"]))}

    def _wrong(self, states: Tensor, drawn: Tensor, targets: Tensor) -> Tensor:
        """Logits of negatives [M] or [P, M]; one that is the target counts for nothing."""
        vectors = self.module.items.weight[drawn]
        shared = drawn.ndim == 1
        products = states @ vectors.T if shared else (vectors @ states[:, :, None])[:, :, 0]
        logits = products.float() + self.module.bias[drawn]
        return logits.masked_fill(drawn == targets[:, None], MASKED)


def forgetful(tokens: Tokens, share: float, generator: torch.Generator) -> Tokens:
    """The same, but a share of the sequences do not know when what follows was asked."""
    when, owner = tokens.when, tokens.layout.owner
    assert when is not None
    assert when.asked is not None
    assert when.times is not None
    kept = (torch.rand(len(tokens.layout.ends), generator=generator) >= share)[owner]
    following = when.following * kept[:, None]
    asked = torch.where(kept, when.asked, when.times)
    return replace(tokens, when=when._replace(following=following, asked=asked))


class Windows:
    """Stretches of at most `length` tokens with a target after each.

    `every`: a longer history is cut into as few pieces as cover it, which overlap evenly; drawn
    anew each time, each piece lies up to half a length off its place, so that no item is always
    first.
    """

    def __init__(self, offsets: npt.NDArray[np.int64], length: int, every: bool) -> None:
        inputs = np.maximum(np.diff(offsets) - 1, 0)  # the last item is only a target
        pieces = -(-inputs // length) if every else np.minimum(inputs, 1)
        if not pieces.any():
            raise UserError(
                "no user of the training part has two items", "use more data, or another split"
            )
        user = np.repeat(np.arange(len(inputs)), pieces)
        which = np.arange(len(user)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        spare = np.maximum(inputs - length, 0)[user]  # places where a window can begin, less one
        share = which / np.maximum(pieces[user] - 1, 1) if every else np.ones(len(user))
        self.length, self.every = length, every
        self.first = torch.from_numpy(offsets[:-1][user])
        self.spare = torch.from_numpy(spare)
        self.begin = torch.from_numpy(np.rint(share * spare).astype(np.int64))
        self.sizes = torch.from_numpy(np.minimum(inputs, length)[user])

    def __len__(self) -> int:
        return len(self.first)

    def draw(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Starts and lengths [B] of windows, among all events."""
        begin, spare = self.begin[rows], self.spare[rows]
        if self.every:
            reach = self.length // 2
            begin += torch.randint(-reach, reach + 1, begin.shape, generator=generator)
            begin = begin.clamp(min=0).minimum(spare)
        return self.first[rows] + begin, self.sizes[rows]

"""Recurrent models of the next item (M4): LSTM and GRU, the baselines that attention has to beat.

GRU4Rec (Hidasi et al. 2016, arXiv:1511.06939) with the same losses, windows and tuning as the
others: with its old losses it looked worse than it is (Hidasi & Czapp 2023, arXiv:2307.14956).
"""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from cinesync.models.events import When
from cinesync.models.sequence import SequenceNet, SequenceRecommender, SequenceSettings
from reccore.data.dataset import Dataset
from reccore.data.packing import Layout


class RecurrentSettings(SequenceSettings):
    hidden: int = Field(128, ge=1, description="width of the recurrent state")
    layers: int = Field(1, ge=1, description="recurrent layers")


class RecurrentNet(SequenceNet):
    """A recurrent layer, then back to the width of the item vectors."""

    kind: ClassVar[Literal["lstm", "gru"]]
    settings: RecurrentSettings
    layers: list[tuple[Tensor, ...]]  # while a graph is made

    def __init__(self, settings: RecurrentSettings, data: Dataset) -> None:
        super().__init__(settings, data)
        s = settings
        cell = nn.LSTM if self.kind == "lstm" else nn.GRU
        self.cell = cell(s.dim, s.hidden, s.layers, batch_first=True)
        self.norm = nn.LayerNorm(s.hidden)
        self.out = nn.Linear(s.hidden, s.dim)
        self.initialise()

    def read(self, x: Tensor, layout: Layout, when: When | None) -> Tensor:
        """Time by time over the sequences that are still going on: nothing padded."""
        order, sizes = by_time(layout)
        found, _ = self.cell(PackedSequence(x[order], sizes))
        states = torch.zeros(
            x.shape[0], self.settings.hidden, dtype=found.data.dtype, device=x.device
        )
        return self._leave(states.index_copy(0, order, found.data))

    def read_last(self, x: Tensor, layout: Layout, when: When | None) -> Tensor:
        if len(layout.groups) > 1:
            return self.read(x, layout, when)[layout.ends]
        rows, length = layout.groups[0]
        rectangle = x.view(rows, length, x.shape[1])
        if torch.compiler.is_exporting():
            found = traced(self.cell, self.layers, rectangle)
        else:
            found = self.cell(rectangle)[0]
        return self._leave(found.flatten(0, 1)[layout.ends])

    def before_tracing(self) -> None:
        self.layers = in_onnx_order(self.cell)  # ready-made: int8 takes constants only

    def _leave(self, states: Tensor) -> Tensor:
        out: Tensor = self.out(self.drop(self.norm(states)))
        return out


def by_time(layout: Layout) -> tuple[Tensor, Tensor]:
    """True tokens in order of place, longer sequences first; how many there are at each place."""
    place = layout.place[layout.real]
    order = torch.sort(place, stable=True).indices
    return layout.real[order], torch.bincount(place).cpu()


GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}  # ONNX's order of the gates, in torch's


def in_onnx_order(cell: nn.RNNBase) -> list[tuple[Tensor, ...]]:
    """Weights and biases of each layer as ONNX's operator takes them."""
    order = GATES[cell.mode]

    def ordered(name: str) -> Tensor:
        gates = getattr(cell, name).detach().chunk(len(order))
        return torch.cat([gates[gate] for gate in order])[None]

    return [
        (
            ordered(f"weight_ih_l{layer}"),
            ordered(f"weight_hh_l{layer}"),
            torch.cat([ordered(f"bias_ih_l{layer}"), ordered(f"bias_hh_l{layer}")], 1),
        )
        for layer in range(cell.num_layers)
    ]


def traced(cell: nn.RNNBase, layers: list[tuple[Tensor, ...]], x: Tensor) -> Tensor:
    """The same as an operator of ONNX, as tracing would unroll it to a fixed length.

    [B, L, d] -> [B, L, h]
    """
    attributes: dict[str, Any] = {"hidden_size": cell.hidden_size}
    if cell.mode == "GRU":
        attributes["linear_before_reset"] = 1
    states = x.transpose(0, 1)  # [L, B, d]
    for weights in layers:
        shape = (states.shape[0], 1, states.shape[1], cell.hidden_size)
        found = torch.onnx.ops.symbolic(
            cell.mode,
            (states, *weights),
            attributes,
            dtype=torch.float32,
            shape=shape,
            version=18,
        )
        states = found[:, 0]
    return states.transpose(0, 1)


class LSTMNet(RecurrentNet):
    kind = "lstm"


class GRUNet(RecurrentNet):
    kind = "gru"


class LSTM(SequenceRecommender):
    net: ClassVar[type[SequenceNet]] = LSTMNet


class GRU(SequenceRecommender):
    net: ClassVar[type[SequenceNet]] = GRUNet

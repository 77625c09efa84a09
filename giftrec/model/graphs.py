"""The model as three ONNX graphs, each with as many recipients and gifts as are given.

gifts     all that is listed of gifts -> what does not depend on who looks, computed once a bundle
wishes    recipients before any tool is asked -> categories and tools
rewards   recipients with what the tools told -> how each gift will be received
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from giftrec.model.inputs import Catalogue, Facts, Recipients, nothing_known
from giftrec.model.integrated import Encoded, GiftModel, View
from reccore.bundle.parts import Axes, Graph
from reccore.bundle.write import SIZES

WHO = tuple(f"who_{name}" for name in Recipients.__annotations__)
TEXTS = ("gift_text", "gift_text_weight")
GIFTS = tuple(f"gift_{name}" for name in Catalogue.__annotations__)
LISTED = tuple(name for name in GIFTS if name not in TEXTS)
ENCODED, TOLD, KNOWN = "encoded", "told", "known"


@dataclass(frozen=True)
class Part:
    """A module over named inputs, in order."""

    module: nn.Module
    inputs: tuple[str, ...]


def graphs(model: GiftModel) -> dict[str, Part]:
    model = deepcopy(model).requires_grad_(False)  # gradients would be traced too
    rows = (*WHO, *LISTED, ENCODED)
    return {
        "gifts": Part(_Gifts(model), GIFTS),
        "wishes": Part(_Wishes(model), rows),
        "rewards": Part(_Rewards(model), (*rows, TOLD, KNOWN)),
    }


class _Part(nn.Module):
    def __init__(self, model: GiftModel) -> None:
        super().__init__()
        self.model = model
        self.words: Tensor
        words = model.gift_encoder.text(model.word_buckets, model.word_weight)
        self.register_buffer("words", words.detach())

    def view(self, given: tuple[Tensor, ...]) -> View:
        who = Recipients(*given[: len(WHO)])
        encoded = given[len(WHO) + len(LISTED)]  # [G, 2 D]
        listed = dict(zip(LISTED, given[len(WHO) :], strict=False))
        texts = dict.fromkeys(TEXTS, encoded)  # nobody reads them again
        gifts = Catalogue(**{n.removeprefix("gift_"): t for n, t in {**listed, **texts}.items()})
        halves = encoded.chunk(2, dim=1)
        profile = self.model.profile_encoder(who)
        return self.model.view(who, profile, gifts, Encoded(self.words, *halves))


class _Gifts(_Part):
    """[G, 2 D] texts, and gifts."""

    def forward(self, *given: Tensor) -> Tensor:
        gifts = Catalogue(*given)
        texts = self.model.gift_encoder.text(gifts.text, gifts.text_weight)
        return torch.cat([texts, self.model.encode(gifts, texts)], dim=1)


class _Wishes(_Part):
    """[B, C + 5] logits of categories, and of tools."""

    def forward(self, *given: Tensor) -> Tensor:
        view = self.view(given)
        nothing = nothing_known(view.who.age.shape[0], view.gifts.price.shape[0])
        before = self.model.reward(view, nothing)
        return torch.cat(self.model.wishes(view, before, self.model.look(view, before)), dim=1)


class _Rewards(_Part):
    """[5, B, G] mean, spread, appeal, and logits of affording and arriving."""

    def forward(self, *given: Tensor) -> Tensor:
        reward = self.model.reward(self.view(given), Facts(*given[-2:]))
        parts = (reward.mean, reward.spread, reward.appeal, reward.afford, reward.arrive)
        return torch.stack(parts)


def traced(name: str, part: Part, example: Mapping[str, Tensor]) -> Graph:
    """What becomes a graph; `example` has a tensor for every input, of any number of rows."""
    axes = {given: _axes(given, tuple(example[given].shape)) for given in part.inputs}
    sized = {given: _sized(example[given], of) for given, of in axes.items()}
    return Graph(part.module, axes, name, sized)


def _axes(name: str, shape: tuple[int, ...]) -> Axes:
    """Which axes of an input vary, by name; the others have the example's sizes."""
    if name == TOLD:
        return (shape[0], "batch", "gifts")
    if name in TEXTS:
        return ("gifts", "length")
    first = "batch" if name in (*WHO, KNOWN) else "gifts"
    return (first, *shape[1:])


def _sized(tensor: Tensor, axes: Axes) -> Tensor:
    """Rows again and again, or only some: a size of 1 would be taken for fixed."""
    for at, name in enumerate(axes):
        if isinstance(name, str):
            rows = torch.arange(SIZES[name]) % tensor.shape[at]
            tensor = tensor.index_select(at, rows)
    return tensor

"""Predictions of ONNX graphs: the model of a bundle."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from giftrec.columns import Columns, Floats, Numbers
from giftrec.inputs import Facts, Shelf
from giftrec.predictions import Rewards, Wishes
from giftrec.vocabulary import TOOLS
from reccore.bundle.graphs import OnnxGraph
from reccore.errors import UserError

GRAPHS = ("gifts", "wishes", "rewards")
BLOCK = 4096  # gifts encoded at a time


class OnnxPredictor:
    """The graphs before a shelf of gifts, which are encoded once."""

    def __init__(
        self,
        graphs: Mapping[str, OnnxGraph],
        shelf: Shelf,
        ask_above: float,
        encoded: Floats | None = None,
    ) -> None:
        self._graphs, self._ask_above, self._shelf = graphs, ask_above, shelf
        self._gifts = _named("gift", shelf)
        self._gifts["encoded"] = self._encoded() if encoded is None else encoded

    def over(self, gifts: Numbers) -> "OnnxPredictor":
        encoded = self._gifts["encoded"][gifts]
        return OnnxPredictor(self._graphs, self._shelf.take(gifts), self._ask_above, encoded)

    @property
    def ask_above(self) -> float:
        return self._ask_above

    def wishes(self, who: Columns) -> Wishes:
        said = self._run("wishes", {**_named("who", who), **self._gifts})
        return Wishes(said[:, : -len(TOOLS)], said[:, -len(TOOLS) :])

    def rewards(self, who: Columns, facts: Facts) -> Rewards:
        told = {"told": facts.told, "known": facts.known}
        return Rewards(*self._run("rewards", {**_named("who", who), **self._gifts, **told}))

    def _encoded(self) -> Floats:
        """[G, 2 D] in blocks: the words of 100,000 texts at once would fill gigabytes."""
        blocks = range(0, len(self._shelf), BLOCK)
        return np.concatenate([self._encoded_block(slice(at, at + BLOCK)) for at in blocks])

    def _encoded_block(self, rows: slice) -> Floats:
        return self._run("gifts", {name: column[rows] for name, column in self._gifts.items()})

    def _run(self, name: str, given: Mapping[str, Any]) -> Floats:
        graph = self._graphs[name]
        wanted = [node.name for node in graph.session.get_inputs()]
        try:
            return graph(**{name: given[name] for name in wanted})
        except Exception as error:  # the runtime raises its own, unexported types
            detail = " ".join(str(error).split())[:200]
            raise UserError(f"the graph {name} is of other words or gifts: {detail}") from None


def _named(prefix: str, columns: Columns | Shelf) -> dict[str, Any]:
    return {
        f"{prefix}_{f.name}": np.ascontiguousarray(getattr(columns, f.name))
        for f in fields(columns)
    }

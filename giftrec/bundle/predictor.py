"""Predictions of ONNX graphs: the model of a bundle."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from giftrec.columns import Columns, Floats
from giftrec.inputs import Facts, Shelf
from giftrec.predictions import Rewards, Wishes
from giftrec.vocabulary import TOOLS
from reccore.bundle.graphs import OnnxGraph
from reccore.errors import UserError

GRAPHS = ("gifts", "wishes", "rewards")


class OnnxPredictor:
    """The graphs before the gifts of a world, which are encoded once."""

    def __init__(self, graphs: Mapping[str, OnnxGraph], shelf: Shelf, ask_above: float) -> None:
        self._graphs, self._ask_above = graphs, ask_above
        self._gifts = _named("gift", shelf)
        self._gifts["encoded"] = self._run("gifts", self._gifts)

    @property
    def ask_above(self) -> float:
        return self._ask_above

    def wishes(self, who: Columns) -> Wishes:
        said = self._run("wishes", {**_named("who", who), **self._gifts})
        return Wishes(said[:, : -len(TOOLS)], said[:, -len(TOOLS) :])

    def rewards(self, who: Columns, facts: Facts) -> Rewards:
        told = {"told": facts.told, "known": facts.known}
        return Rewards(*self._run("rewards", {**_named("who", who), **self._gifts, **told}))

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

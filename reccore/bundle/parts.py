"""What a fitted model hands over so that a bundle can answer as it does.

A model with a graph declares the graph's inputs by axis names; the rest follows from them. Only
dense layers go into graphs: tables of users and items stay arrays beside them, so that a user can
be deleted and an item added without touching a graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reccore.recommender import Arrays

Kind = Literal["constant", "neighbours", "fold-in", "factors", "encoder", "sequence", "pairs"]
Axes = tuple[str | int, ...]


@dataclass(frozen=True)
class Graph:
    """A torch module that becomes ONNX: its inputs by name, in its order, and its one output.

    An axis is a name where it varies ("batch", "length") and a number where it does not. Inputs
    are float32, and one that is named `there` is boolean; others come with an example.
    """

    module: Any
    inputs: Mapping[str, Axes]
    output: str
    examples: Mapping[str, Any] = field(default_factory=dict)  # tensors to trace with


@dataclass(frozen=True)
class Export:
    """A model as arrays and graphs. Row r of an item array is item code r; users likewise."""

    kind: Kind
    items: Arrays = field(default_factory=dict)  # [I, ...] each
    users: Arrays = field(default_factory=dict)  # [U, ...] each; personal: can be left out
    other: Arrays = field(default_factory=dict)
    graphs: Mapping[str, Graph] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    from_history: bool = True

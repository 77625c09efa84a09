"""What a recommender says of many scenarios at once: the form in which answers are judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from giftrec.schema import Scenario

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Of N scenarios; gifts and categories by number."""

    categories: Floats  # [N, C] scores
    tool_scores: Floats  # [N, 5]
    tools: npt.NDArray[np.bool_]  # [N, 5] asked
    slates: npt.NDArray[np.int64]  # [N, 5], -1 where there was no further gift
    rewards: Floats  # [N, G] expected satisfaction, the facts of `tools` known
    allowed: npt.NDArray[np.bool_]  # [N, G] gifts that could be shown


class Answering(Protocol):
    """Whatever answers scenarios: the model, and the baselines it must beat."""

    def answer(self, scenarios: Sequence[Scenario]) -> Answers: ...

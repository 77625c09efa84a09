"""A new bundle answers step by step: in the shadow, for a share, for all; and back by itself.

`plan` says what is tried, `changes` writes it, `router` sends requests to the arms, `watch` judges,
`act` withdraws, `compare` counts how far shadow lists agree.
"""

from reccore.serve.rollout.act import Act, act
from reccore.serve.rollout.changes import (
    path_of,
    promote,
    read,
    set_share,
    settle,
    start,
    stop,
    watch_champions,
    withdraw,
    write,
)
from reccore.serve.rollout.compare import Agreement, Compare
from reccore.serve.rollout.plan import Limits, Plan
from reccore.serve.rollout.router import Arm, Router, unit_of
from reccore.serve.rollout.watch import Figures, Verdict, Watch

__all__ = [
    "Act",
    "Agreement",
    "Arm",
    "Compare",
    "Figures",
    "Limits",
    "Plan",
    "Router",
    "Verdict",
    "Watch",
    "act",
    "path_of",
    "promote",
    "read",
    "set_share",
    "settle",
    "start",
    "stop",
    "unit_of",
    "watch_champions",
    "withdraw",
    "write",
]

"""Following a training: trackers, curves and the report. `history.jsonl` is the trainer's own.

A record is one epoch, with the keys: `epoch` (from 1), `step` (of the optimizer, since the
start), `seconds` and `cpu_seconds` (of its steps), `evaluate_seconds`, `loss`, `val_loss`,
`loss/<term>`, `balance/<term>`, `weight/<term>`, `lr/<group>`, `grad_norm`, `grad_norm_max`,
`bad_steps`, `val/<metric>`, `best`, `stat/<name>`, `memory_mb` and `flags` (a list of
`{name, colour, message}`). Any of them may be absent, or None where not finite.
"""

from reccore.track.live import Live
from reccore.track.report import write_report
from reccore.track.tracker import Record, Silent, Together, Tracker
from reccore.track.wandb import Wandb

__all__ = ["Live", "Record", "Silent", "Together", "Tracker", "Wandb", "write_report"]

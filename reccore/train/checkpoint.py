"""Files of a training: `trainer.pt`, from which it resumes to the same bits, and the weights.

`trainer.pt` is one file, so that it is whole or absent, and holds plain types and tensors only,
so that it is read without running any code of the file. Weights are safetensors under the names
of the module's `state_dict`; a tied weight is there under each of its names.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from reccore.config import to_tree
from reccore.errors import UserError
from reccore.files import write_atomic
from reccore.train.settings import TrainSettings

FORMAT = "reccore trainer"
VERSION = 1  # of what the optimisation does and stores: raised when either changes

# epochs too, where no step depends on them
MAY_CHANGE = ("patience", "checkpoint_minutes", "checkpoint_steps", "profile")

State = dict[str, Tensor]


def snapshot(module: nn.Module) -> State:
    """A copy of the module's state in main memory."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in module.state_dict().items()
    }


def save_weights(path: Path, state: State) -> None:
    write_atomic(path, lambda temporary: save_file(state, temporary))


def save_trainer(path: Path, content: Mapping[str, Any]) -> None:
    whole = {"format": FORMAT, "version": VERSION, **content}
    write_atomic(path, lambda temporary: torch.save(whole, temporary))


def load_trainer(path: Path) -> dict[str, Any]:
    """What `save_trainer` wrote, or a clear refusal."""
    if not path.exists():
        raise UserError(f"nothing to resume: no {path}", "train without --resume")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in many ways
        reason = str(error).split("\n", maxsplit=1)[0][:120]
        raise UserError(
            f"{path} is corrupt: {reason}", "restore it, or train again from the start"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path} is not a checkpoint of this trainer", "train from the start")
    if content.get("version") != VERSION:
        raise UserError(
            f"{path} has version {content.get('version')}, this trainer resumes version {VERSION}",
            "resume with the version of the package that wrote it",
        )
    return content


def require_same(
    path: Path, saved: Mapping[str, Any], settings: TrainSettings, facts: Mapping[str, Any]
) -> None:
    """Refuse to resume what would not continue the same training."""
    before, now = flat(saved["settings"]), flat(to_tree(settings))
    free = MAY_CHANGE if settings.needs_epochs else ("epochs", *MAY_CHANGE)
    changed = [key for key in (*before, *now) if before.get(key) != now.get(key)]
    if key := next((key for key in changed if key not in free), None):
        raise UserError(
            f"train.{key} is {now.get(key)!r}, but {path} was trained with {before.get(key)!r}",
            "resume with the same settings, or train from the start",
        )
    for name, value in facts.items():
        if saved["facts"].get(name) != value:
            raise UserError(
                f"{name} is {value!r}, but {path} was trained with {saved['facts'].get(name)!r}",
                "resume with the same data, model and seed",
            )
    done = saved["epoch"]
    if settings.epochs < done:
        raise UserError(
            f"train.epochs={settings.epochs}, but {path} has {done} epochs already",
            f"set {done} or more",
        )


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree as dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[prefix + key] = value
    return leaves

"""Where trainings are written and answers are taken from: RUN of a command line."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from reccore.errors import UserError, need
from reccore.run import RunFolder

if TYPE_CHECKING:  # runs bring torch
    from giftrec.bundle.bundle import GiftBundle
    from giftrec.runs import Run

CHECKPOINTS = Path("checkpoints")
RELEASED = "gifts"  # the bundle that ships with the repository, under CHECKPOINTS


def finished(root: Path) -> list[Path]:
    """The finished gift runs under `root`, the oldest first."""
    found = [
        manifest.parent
        for manifest in (root / "giftrec").glob("*/*/manifest.json")
        if RunFolder(manifest.parent).manifest.get("status") == "complete"
    ]
    return sorted(found, key=lambda path: (path / "manifest.json").stat().st_mtime)


def newest(root: Path) -> Path:
    """The finished gift run that was written last."""
    found = finished(root)
    if not found:
        raise UserError(f"no finished run under {root / 'giftrec'}", "giftrec train makes one")
    return found[-1]


def is_bundle(path: Path) -> bool:
    """A bundle's manifest lists files; where it cannot be read, only a run has settings."""
    try:
        content = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError:
        return not (path / "config.toml").exists()
    return isinstance(content, dict) and "files" in content


def open_any(path: Path | None = None, root: Path = CHECKPOINTS) -> "Run | GiftBundle":
    """A run or a bundle; without `path` the newest run, or else the released bundle."""
    if path is None:
        released = root / RELEASED
        path = released if not finished(root) and is_bundle(released) else newest(root)
    if is_bundle(path):
        from giftrec.bundle.bundle import GiftBundle

        return GiftBundle.open(path)
    need("torch", "train")
    from giftrec.runs import load_run

    return load_run(path)

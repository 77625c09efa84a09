"""The run folder: everything one training leaves behind, written so that a kill loses nothing.

config.toml          the resolved settings        weights.safetensors  what was learned
manifest.json        facts, hashes, metrics       trainer.pt           to resume from
users|items.parquet  ids, titles and features     history.jsonl, report.html
"""

import json
import re
import subprocess
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.config import Tree, dump_toml
from reccore.data.dataset import Table
from reccore.data.tables import read_table, write_table
from reccore.errors import UserError, need
from reccore.files import sha256, write_atomic
from reccore.recommender import Arrays

FORMAT = 1


class RunFolder:
    """Paths and safe reading and writing of one run; it knows no model."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls, product: str, model: str, label: str, out: Path | None, root: Path
    ) -> "RunFolder":
        """A fresh folder: `out`, or `<root>/<product>/<model>/<time>-<label>`."""
        if out is not None:
            if out.exists() and (not out.is_dir() or any(out.iterdir())):
                raise UserError(f"{out} exists and is not empty", "choose another --out")
            out.mkdir(parents=True, exist_ok=True)
            return cls(out)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        base = root / product / model / f"{stamp}-{re.sub(r'[^A-Za-z0-9._-]+', '-', label)}"
        for attempt in range(1, 1000):
            path = base if attempt == 1 else base.with_name(f"{base.name}-{attempt}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            return cls(path)
        raise UserError(f"{base} exists a thousand times", "choose another --out")

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run, or a clear refusal."""
        if not path.is_dir():
            raise UserError(f"no such run: {path}", "training prints the folder it wrote")
        run = cls(path)
        if run.manifest.get("format") != FORMAT:
            raise UserError(
                f"{path} is of run format {run.manifest.get('format')!r}",
                f"this version reads format {FORMAT}",
            )
        return run

    @property
    def weights_path(self) -> Path:
        return self.path / "weights.safetensors"

    @property
    def manifest(self) -> dict[str, Any]:
        return self._read("manifest.json", json.loads)

    @property
    def config(self) -> Tree:
        return self._read("config.toml", tomllib.loads)

    def _read(self, name: str, parse: Any) -> dict[str, Any]:
        try:
            content = parse((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{self.path} is not a run: it has no {name}") from None
        except ValueError as error:
            raise UserError(f"{self.path / name} is corrupt: {error}") from None
        assert isinstance(content, dict)
        return content

    def write_config(self, tree: Mapping[str, Any]) -> None:
        write_atomic(self.path / "config.toml", dump_toml(tree))

    def update_manifest(self, **facts: Any) -> None:
        """Merge facts into the manifest; the first call makes it."""
        known = self.manifest if (self.path / "manifest.json").exists() else {"format": FORMAT}
        text = json.dumps(known | facts, indent=2, ensure_ascii=False)
        write_atomic(self.path / "manifest.json", text + "\n")

    def seal(self) -> None:
        """Note the hash of the weights, so that a damaged file is never served."""
        self.update_manifest(weights_sha256=sha256(self.weights_path))

    def write_arrays(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        save = need("safetensors.numpy", "train").save_file
        whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        write_atomic(self.weights_path, lambda path: save(whole, path))

    def read_arrays(self) -> Arrays:
        """The learned arrays, checked against the manifest's hash where there is one."""
        if not self.weights_path.exists():
            raise UserError(f"{self.path} has no weights yet", "train it, or --resume it")
        expected = self.manifest.get("weights_sha256")
        if expected is not None and sha256(self.weights_path) != expected:
            raise UserError(
                f"{self.weights_path} is corrupt: its hash is not the manifest's",
                "restore the file or train again",
            )
        load = need("safetensors.numpy", "train").load_file
        try:
            arrays: Arrays = load(self.weights_path)
        except Exception as error:  # the library raises its own, unexported type
            raise UserError(f"{self.weights_path} is not a safetensors file: {error}") from None
        return arrays

    def write_tables(self, users: Table, items: Table) -> None:
        write_table(self.path, "users", users)
        write_table(self.path, "items", items)

    def read_tables(self) -> tuple[Table, Table]:
        try:
            return read_table(self.path, "users"), read_table(self.path, "items")
        except FileNotFoundError as error:
            raise UserError(f"{self.path} is not a whole run: {error}") from None


def package_version() -> str:
    try:
        return version("giftrec")
    except PackageNotFoundError:
        return "source"


def git_commit(folder: Path) -> str | None:
    """The commit of the code in use; None outside a checkout."""
    try:
        answer = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None

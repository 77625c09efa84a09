"""Write a bundle: arrays, graphs, tables, then the manifest that makes it one."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.bundle.manifest import Manifest, entry
from reccore.bundle.parts import Axes, Export, Graph
from reccore.data.dataset import Table
from reccore.data.interactions import Histories
from reccore.data.tables import write_table
from reccore.errors import UserError, need
from reccore.files import write_array, write_atomic
from reccore.run import git_commit, package_version

SIZES = {"batch": 3, "length": 5, "candidates": 4, "items": 6, "gifts": 6}  # while tracing
USERS = "users-1"
PARITY = 1e-5  # between a model and its bundle, as a share of the largest figure
MINIMUM = "0.1.0"  # the first version that reads this format


@dataclass(frozen=True)
class Exported:
    """A bundle that was written and how close it answers to its model."""

    path: Path
    parity: float
    manifest: Manifest


@dataclass(frozen=True)
class People:
    """The personal part: who is known, and what each has met."""

    table: Table
    seen: Histories  # [U]


def made(run: Mapping[str, Any], package: Path) -> dict[str, Any]:
    """How a bundle came to be: who trained the run of this manifest, who exported it, and when."""
    return {
        "run_package_version": run["package_version"],
        "run_git_commit": run["git_commit"],
        "package_version": package_version(),
        "git_commit": git_commit(package),
        "minimum_version": MINIMUM,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_parts(
    folder: Path,
    export: Export,
    items: Table,
    popularity: npt.NDArray[np.float32],
    people: People | None,
) -> None:
    """Everything but the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder, "items", items)
    write_array(folder / "popularity.npy", popularity)
    for part, arrays in (("items", export.items), ("other", export.other)):
        for name, array in arrays.items():
            write_array(folder / part / f"{name}.npy", array)
    for name, graph in export.graphs.items():
        write_graph(folder / "graphs" / f"{name}.onnx", graph)
    if people is not None:
        if export.options.get("temporal", "off") == "off":  # nobody would ever look at them
            people = replace(people, seen=replace(people.seen, times=None))
        write_people(folder / USERS, people, export.users)


def write_people(folder: Path, people: People, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    write_table(folder, "users", people.table)
    write_array(folder / "seen.offsets.npy", people.seen.offsets)
    write_array(folder / "seen.items.npy", people.seen.items)
    if people.seen.times is not None:
        write_array(folder / "seen.times.npy", people.seen.times)
    for name, array in arrays.items():
        write_array(folder / f"{name}.npy", array)


def write_graph(path: Path, graph: Graph) -> None:
    """Trace the module into ONNX; named axes stay free."""
    torch, onnx = need("torch", "train"), need("torch.onnx", "train")
    need("onnxscript", "train")
    generator = torch.Generator().manual_seed(0)
    inputs = [
        graph.examples[name] if name in graph.examples else _example(torch, name, axes, generator)
        for name, axes in graph.inputs.items()
    ]
    sizes = {axis: torch.export.Dim(axis) for axes in graph.inputs.values() for axis in names(axes)}
    shapes = [
        {at: sizes[axis] for at, axis in enumerate(axes) if isinstance(axis, str)}
        for axes in graph.inputs.values()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)

    class Named(torch.nn.Module):  # type: ignore[misc, name-defined]
        """Whatever the module calls its inputs, the graph has their names."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = graph.module

        def forward(self, *given: Any) -> Any:
            return self.inner(*given)

    def save(temporary: Path) -> None:
        with torch.no_grad(), warnings.catch_warnings(), quiet("torch.onnx"):
            warnings.simplefilter("ignore")  # of the exporter's own, on its way to a graph
            program = onnx.export(
                Named().eval(),
                tuple(inputs),
                dynamo=True,
                dynamic_shapes=(tuple(shapes),),
                input_names=list(graph.inputs),
                output_names=[graph.output],
                verbose=False,
            )
        assert program is not None
        _check_axes(program.model_proto.graph.input, graph)
        temporary.write_bytes(_bare(program.model_proto).SerializeToString())

    write_atomic(path, save)


def _bare(proto: Any) -> Any:
    """Without the notes of the tracing: they name files of this machine and weigh as much."""
    for part in (*proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    return proto


def _check_axes(inputs: Any, graph: Graph) -> None:
    """Tracing fixes a size without a word where the module asks Python for it: `len(x)`, say."""
    for found in inputs:
        sizes = [d.dim_param or d.dim_value for d in found.type.tensor_type.shape.dim]
        for size, axis in zip(sizes, graph.inputs[found.name], strict=True):
            assert isinstance(size, str) == isinstance(axis, str), (
                f"{type(graph.module).__name__}: {found.name} {sizes} is not {axis}"
            )


def names(axes: Axes) -> list[str]:
    """The axes that vary."""
    return [axis for axis in axes if isinstance(axis, str)]


@contextmanager
def quiet(name: str | None = None) -> Iterator[None]:
    """Without a library's notes about what it does not need; no name: the root logger's."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _example(torch: Any, name: str, axes: Axes, generator: Any) -> Any:
    shape = [SIZES[axis] if isinstance(axis, str) else axis for axis in axes]
    if name == "there":
        return torch.rand(shape, generator=generator) > 0.5
    return torch.randn(shape, generator=generator)


def seal(folder: Path, export: Export, facts: Mapping[str, Any]) -> Manifest:
    """List and hash what was written; the first generation of the bundle."""
    scorer = {
        "kind": export.kind,
        "from_history": export.from_history,
        "options": dict(export.options),
        "graphs": {
            name: {"inputs": list(graph.inputs), "output": graph.output}
            for name, graph in export.graphs.items()
        },
    }
    people = USERS if (folder / USERS).is_dir() else None
    first = {"users": people, "golden": "golden-1.json", "generation": 1}
    empty: dict[str, Any] = {"index": None, "segments": [], "removed": []}
    content = {**empty, **facts, "scorer": scorer, **first}
    manifest = Manifest({**content, "files": listed(folder)})
    manifest.write(folder)
    return manifest


def listed(folder: Path) -> dict[str, dict[str, Any]]:
    """Every file under the folder but the manifest."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    apart = ("manifest.json", "index/")  # the index has a record of its own
    return {name: entry(folder / name) for name in names if not name.startswith(apart)}


def write_json(path: Path, content: Any) -> None:
    write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def fresh(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is not empty", "choose another --out")

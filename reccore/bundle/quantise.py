"""Smaller numbers: int8 with scales, or float16, for arrays; ONNX Runtime's int8 for graphs.

A value is stored as q * row scale * column scale (int8): embeddings have both rows and columns,
the biases first of all, whose sizes differ by far more than 127 steps can span.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from reccore.bundle.write import quiet
from reccore.data.interactions import Floats
from reccore.errors import need
from reccore.files import write_array, write_atomic

Quantise = Literal["int8", "fp16"]
LEAST = 1024  # numbers: a smaller array is left as it is
LEVELS = 127
SCALES = (".rows", ".columns")  # of the files that hold an int8 array's scales


def shrink(array: npt.NDArray[Any], how: Quantise) -> dict[str, npt.NDArray[Any]]:
    """The stored forms of one array, by suffix; {"": array} where it is left as it is."""
    if array.dtype != np.float32 or array.size < LEAST:
        return {"": array}
    if how == "fp16" or array.ndim != 2:
        return {"": array.astype(np.float16)}
    columns = np.maximum(np.abs(array).max(axis=0), 1e-12)  # [d]
    rows = np.maximum(np.abs(array / columns).max(axis=1), 1e-12) / LEVELS  # [N]
    levels = np.rint(array / columns / rows[:, None]).astype(np.int8)
    return {"": levels, ".rows": rows.astype(np.float32), ".columns": columns.astype(np.float32)}


def grow(parts: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The array again, as float32; one that was left as it is stays mapped to its file."""
    array = parts[""]
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if ".rows" not in parts:
        return array
    grown: Floats = array.astype(np.float32)
    grown *= parts[".rows"][:, None]
    grown *= parts[".columns"]
    return grown


def shrink_folder(folder: Path, parts: list[str], how: Quantise) -> list[str]:
    """Every array and graph, in place; the graphs that had to be left as they were.

    The manifest is the caller's to renew.
    """
    for part in parts:
        for path in sorted((folder / part).glob("*.npy")):
            if path.name.startswith("seen."):
                continue
            array = np.load(path, allow_pickle=False)
            for suffix, stored in shrink(array, how).items():
                write_array(path.with_name(f"{path.stem}{suffix}.npy"), stored)
    graphs = sorted((folder / "graphs").glob("*.onnx"))
    return [path.stem for path in graphs if not shrink_graph(path, how)]


def shrink_graph(path: Path, how: Quantise) -> bool:
    """The graph's weights in place: dynamic int8, or float16 with float32 inputs and outputs.

    False where the smaller graph is none that the runtime can load; the whole one then stays.
    """
    runtime, onnx = need("onnxruntime", "cpu"), need("onnx", "train")
    smaller = path.with_name(f".{path.name}.small")
    try:
        if how == "int8":
            quantization = need("onnxruntime.quantization", "cpu")
            kind = quantization.QuantType.QInt8
            ready = path.with_name(f".{path.name}.ready")
            onnx.save(readied(onnx.load(str(path))), str(ready))
            with quiet():  # it asks for a pre-processing that matters to static quantisation
                quantization.quantize_dynamic(str(ready), str(smaller), weight_type=kind)
            ready.unlink()
        else:
            convert = need("onnxruntime.transformers.float16", "cpu").convert_float_to_float16
            onnx.save(convert(onnx.load(str(path)), keep_io_types=True), str(smaller))
        try:
            runtime.InferenceSession(str(smaller), providers=["CPUExecutionProvider"])
        except Exception:  # the runtime raises its own, unexported types
            return False
        write_atomic(path, smaller.read_bytes())
    finally:
        smaller.unlink(missing_ok=True)
    return True


def readied(proto: Any) -> Any:
    """A graph that the quantiser can take: it turns a shared weight over twice, so each use gets
    a copy, and it believes old notes of sizes between nodes, so they go."""
    del proto.graph.value_info[:]
    weights = {weight.name: weight for weight in proto.graph.initializer}
    used: set[str] = set()
    for node in proto.graph.node:
        for at, name in enumerate(node.input):
            if name in used:
                copy = proto.graph.initializer.add()
                copy.CopyFrom(weights[name])
                copy.name = node.input[at] = f"{name}.{node.name}.{at}"
            elif name in weights:
                used.add(name)
    return proto

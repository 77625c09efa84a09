"""Smaller numbers: int8 with scales, or float16, for arrays; ONNX Runtime's int8 for graphs.

A value is stored as q * row scale * column scale (int8): embeddings have both rows and columns,
the biases first of all, whose sizes differ by far more than 127 steps can span. A list of numbers
is one column. Sparse rows have a scale each, and gaps for columns (`reccore.bundle.gaps`).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from reccore.bundle.gaps import Rows, packed, unpacked
from reccore.bundle.write import quiet
from reccore.data.interactions import Floats
from reccore.errors import need
from reccore.files import write_array, write_atomic
from reccore.recommender import Arrays

Quantise = Literal["int8", "fp16"]
LEAST = 1024  # numbers: a smaller array is left as it is
LEVELS = 127
LEAST_SCALE = 1e-12  # of what is all zeros
SPARSE = ("indptr", "indices", "data")
SCALES = (".rows", ".columns")  # of the files that hold an int8 array's scales


def shrink(array: npt.NDArray[Any], how: Quantise) -> dict[str, npt.NDArray[Any]]:
    """The stored forms of one array, by suffix; {"": array} where it is left as it is."""
    if array.dtype != np.float32 or array.size < LEAST:
        return {"": array}
    if how == "fp16" or array.ndim > 2:
        return {"": array.astype(np.float16)}
    if array.ndim == 1:
        scale = np.maximum(np.abs(array).max(keepdims=True), LEAST_SCALE) / LEVELS  # [1]
        return {"": np.rint(array / scale).astype(np.int8), ".columns": scale}
    columns = np.maximum(np.abs(array).max(axis=0), LEAST_SCALE)  # [d]
    rows = np.maximum(np.abs(array / columns).max(axis=1), LEAST_SCALE) / LEVELS  # [N]
    levels = np.rint(array / columns / rows[:, None]).astype(np.int8)
    return {"": levels, ".rows": rows.astype(np.float32), ".columns": columns.astype(np.float32)}


def grow(parts: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The array again, as float32; one that was left as it is stays mapped to its file."""
    array = parts[""]
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if ".columns" not in parts:
        return array
    grown: Floats = array.astype(np.float32)
    if ".rows" in parts:
        grown *= parts[".rows"][:, None]
    grown *= parts[".columns"]
    return grown


def shrink_sparse(arrays: dict[str, npt.NDArray[Any]], how: Quantise) -> Arrays:
    """Sparse rows indptr, indices, data in smaller arrays."""
    weight_bytes = 1 if how == "int8" else 2
    rows = packed(Rows(arrays["indptr"], arrays["indices"], arrays["data"]), weight_bytes)
    small = {"indptr": rows.starts.astype(np.min_scalar_type(rows.starts[-1])), "gaps": rows.places}
    if how == "fp16":
        return {**small, "data": rows.weights.astype(np.float16)}
    largest = np.zeros(len(rows.starts) - 1, dtype=np.float32)
    np.maximum.at(largest, rows.row_of, np.abs(rows.weights))
    scales = np.maximum(largest, np.float32(LEAST_SCALE)) / LEVELS
    levels = np.rint(rows.weights / scales[rows.row_of]).astype(np.int8)
    return {**small, "data": levels, "scales": scales}


def grow_sparse(arrays: dict[str, npt.NDArray[Any]]) -> Arrays:
    """The rows again: indptr, indices, data; rows that were left as they were stay mapped."""
    if "gaps" not in arrays:
        return arrays
    rows = Rows(arrays["indptr"].astype(np.int64), arrays["gaps"], arrays["data"])
    if "scales" in arrays:
        weights = rows.weights * arrays["scales"][rows.row_of]
        rows = Rows(rows.starts, rows.places, weights)
    rows = unpacked(rows)
    return {"indptr": rows.starts, "indices": rows.places, "data": rows.weights}


def shrink_folder(folder: Path, parts: list[str], how: Quantise) -> list[str]:
    """Every array and graph, in place; the graphs that had to be left as they were.

    The manifest is the caller's to renew.
    """
    for part in parts:
        done = shrink_rows(folder / part, how)
        for path in sorted((folder / part).glob("*.npy")):
            if path.name.startswith("seen.") or path.stem in done:
                continue
            array = np.load(path, allow_pickle=False)
            for suffix, stored in shrink(array, how).items():
                write_array(path.with_name(f"{path.stem}{suffix}.npy"), stored)
    graphs = sorted((folder / "graphs").glob("*.onnx"))
    return [path.stem for path in graphs if not shrink_graph(path, how)]


def shrink_rows(folder: Path, how: Quantise) -> Iterable[str]:
    """The folder's sparse rows, if any, in place; the arrays they are now."""
    paths = {name: folder / f"{name}.npy" for name in SPARSE}
    if not all(path.exists() for path in paths.values()):
        return ()
    arrays = {name: np.load(path, allow_pickle=False) for name, path in paths.items()}
    if arrays["data"].size < LEAST:
        return ()
    small = shrink_sparse(arrays, how)
    for name, stored in small.items():
        write_array(folder / f"{name}.npy", stored)
    paths["indices"].unlink()
    return small.keys()


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
            onnx.save(packed_gru(onnx.load(str(smaller))), str(smaller))
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


def packed_gru(proto: Any) -> Any:
    """With the weights of GRUs, for which the runtime has no int8 operator, kept as int8 all the
    same: a scale for each of their rows, and turned back into numbers when the graph is loaded."""
    onnx = need("onnx", "train")
    weights = {weight.name: weight for weight in proto.graph.initializer}
    for at in reversed(range(len(proto.graph.node))):
        node = proto.graph.node[at]
        for place in (1, 2) if node.op_type == "GRU" else ():
            name = node.input[place]
            numbers = onnx.numpy_helper.to_array(weights[name])  # [1, 3 h, d]
            scales = np.maximum(np.abs(numbers).max(axis=(0, 2)), LEAST_SCALE) / LEVELS
            levels = np.rint(numbers / scales[:, None]).astype(np.int8)
            parts = {f"{name}.levels": levels, f"{name}.scales": scales.astype(np.float32)}
            proto.graph.initializer.remove(weights[name])
            proto.graph.initializer.extend(
                onnx.numpy_helper.from_array(array, part) for part, array in parts.items()
            )
            grown = onnx.helper.make_node("DequantizeLinear", [*parts], [name], axis=1)
            proto.graph.node.insert(at, grown)
    return proto


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

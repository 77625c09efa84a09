"""ONNX graphs as functions of named arrays."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reccore.data.interactions import Floats
from reccore.errors import UserError, need

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
log = logging.getLogger("bundle")


def providers(available: Sequence[str]) -> list[str]:
    """Where graphs run: on the GPU with the runtime's GPU build, else on the processor."""
    return [name for name in (CUDA, CPU) if name in available]


class OnnxGraph:
    """A graph with declared inputs and one output, on one thread unless told otherwise.

    Threads that spin wait for work at full load; a request is too short for that to pay.
    """

    def __init__(self, path: Path, inputs: Sequence[str], output: str, threads: int = 1) -> None:
        runtime = need("onnxruntime", "cpu")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self.session = runtime.InferenceSession(
                str(path), options, providers=providers(runtime.get_available_providers())
            )
        except Exception as error:  # the runtime raises its own, unexported types
            detail = " ".join(str(error).split())[:200]
            raise UserError(f"{path} is not a graph this version can run: {detail}") from None
        wanted, got = providers(runtime.get_available_providers()), self.session.get_providers()
        if CUDA in wanted and CUDA not in got:
            log.warning("no GPU can be used: %s runs on the processor", path.name)
        found = {node.name for node in self.session.get_inputs()}
        outputs = [node.name for node in self.session.get_outputs()]
        if found != set(inputs) or outputs != [output]:
            raise UserError(
                f"{path} is a foreign graph: it takes {sorted(found)} and gives {outputs}",
                f"this bundle's takes {sorted(inputs)} and gives {output}",
            )
        self.output = output

    def __call__(self, **inputs: npt.NDArray[np.generic]) -> Floats:
        (answer,) = self.session.run([self.output], inputs)
        floats: Floats = answer
        return floats

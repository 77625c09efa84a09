"""A BERT encoder's forward pass with numpy alone, so that serving needs neither torch nor ONNX.

Devlin et al. (2019), as all-MiniLM-L6-v2 has it: 6 layers, 384 wide, 12 heads; post-norm, exact
GELU. B texts of L pieces: [B, L] -> [B, L, H].
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from giftrec.text.sparse import Floats
from reccore.errors import UserError

LONGEST_HEADER = 1 << 20
Bools = npt.NDArray[np.bool_]


def read_safetensors(path: Path) -> dict[str, Floats]:
    """Float32 tensors of a safetensors file, mapped, not read; others are left out."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= LONGEST_HEADER:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(file.read(length))
        content = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
        found = {}
        for name, entry in header.items():
            if name != "__metadata__" and entry["dtype"] == "F32":
                first, last = entry["data_offsets"]
                found[name] = content[first:last].view("<f4").reshape(entry["shape"])
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is no safetensors file: {error}", "install the model again"
        ) from None


class Bert:
    """Weights by the names that BERT models are published with."""

    def __init__(self, weights: Mapping[str, Floats], layers: int, heads: int, eps: float) -> None:
        self.weights, self.layers, self.heads, self.eps = weights, layers, heads, eps
        self.width = int(weights["embeddings.word_embeddings.weight"].shape[1])
        self.longest = int(weights["embeddings.position_embeddings.weight"].shape[0])

    def __call__(self, pieces: npt.NDArray[np.int64], there: Bools) -> Floats:
        """[B, L] piece numbers, and where there is one -> [B, L, H]."""
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][pieces]
        x = x + w["embeddings.position_embeddings.weight"][: pieces.shape[1]]
        x = x + w["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x, "embeddings.LayerNorm")
        blocked = np.where(there, 0.0, -1e9).astype(np.float32)[:, None, None, :]
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            seen = self._linear(self._attend(x, blocked, name), f"{name}.attention.output.dense")
            x = self._norm(x + seen, f"{name}.attention.output.LayerNorm")
            inner = gelu(self._linear(x, f"{name}.intermediate.dense"))
            x = self._norm(
                x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
            )
        return x

    def _linear(self, x: Floats, name: str) -> Floats:
        weight = self.weights[f"{name}.weight"]
        flat = x.reshape(-1, x.shape[-1]) @ weight.T
        flat += self.weights[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], weight.shape[0])

    def _attend(self, x: Floats, blocked: Floats, name: str) -> Floats:
        batch, length, width = x.shape
        size = width // self.heads

        def heads(which: str) -> Floats:  # [B, heads, L, size]
            of = self._linear(x, f"{name}.attention.self.{which}")
            return of.reshape(batch, length, self.heads, size).transpose(0, 2, 1, 3)

        scores: Floats = heads("query") @ heads("key").transpose(0, 1, 3, 2)
        scores *= np.float32(1 / math.sqrt(size))
        scores += blocked
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        seen = np.matmul(scores, heads("value"), dtype=np.float32)
        return np.ascontiguousarray(seen.transpose(0, 2, 1, 3)).reshape(batch, length, width)

    def _norm(self, x: Floats, name: str) -> Floats:
        x = x - x.mean(axis=-1, keepdims=True)
        spread: Floats = np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(self.eps))
        x /= spread
        x *= self.weights[f"{name}.weight"]
        x += self.weights[f"{name}.bias"]
        return x


def gelu(x: Floats) -> Floats:
    """x Phi(x), the error function by Abramowitz and Stegun 7.1.26 (off by 1.5e-7 at most)."""
    z = np.abs(x) * np.float32(1 / math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = t * np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly += np.float32(coefficient)
        poly *= t
    z *= z
    np.negative(z, out=z)
    poly *= np.exp(z, out=z)  # 1 - erf(|x| / sqrt 2)
    half = np.where(x >= 0, 1 - poly / 2, poly / 2)
    half *= x
    return half

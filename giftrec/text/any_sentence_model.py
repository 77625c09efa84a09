"""Any model of sentence-transformers in a local folder, as an encoder: how others plug in."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from giftrec.text.sparse import Floats
from reccore.errors import UserError, need


class AnySentenceModel:
    """Needs torch and sentence-transformers where it runs. Nothing is downloaded."""

    exact = 0.25
    close = 0.25

    def __init__(self, folder: Path, version: str) -> None:
        """`version`: yours to change when the model does, so that stored vectors are renewed."""
        if not folder.is_dir():
            raise UserError(f"no folder {folder} with a sentence model", "models are local files")
        library = need("sentence_transformers", "text")
        self.model = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        self.name, self.version = folder.name, version

    @property
    def width(self) -> int:
        return int(self.model.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> Floats:
        vectors = self.model.encode(
            list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.width)

"""What turns texts into vectors, and which of them answers here.

An encoder is any object of this protocol, so others can be plugged in. Nothing is downloaded.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from giftrec.text.sparse import Floats
from reccore.errors import MissingExtraError, UserError

REMEMBERED = 4096  # queries
Wanted = Literal["auto", "minilm", "tfidf"]


class Encoder(Protocol):
    """Texts -> vectors whose inner product says how alike two texts are."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str:
        """Changes when the vectors would: stored vectors of another version are not used."""
        ...

    @property
    def width(self) -> int: ...

    @property
    def exact(self) -> float:
        """0 to 1: what the share of a query's very words counts beside the vectors."""
        ...

    @property
    def close(self) -> float:
        """The score below which the best gift is not close to a wish."""
        ...

    def encode(self, texts: Sequence[str]) -> Floats:
        """[N, width] rows of length at most 1; zeros for a text that says nothing."""
        ...


@dataclass(frozen=True)
class Choice:
    """The encoder to use; None: the fallback, which is fitted on the gifts themselves."""

    encoder: Encoder | None
    degraded: str | None = None


def choose(wanted: Wanted = "auto") -> Choice:
    """Sentence embeddings where their extra is installed, else the fallback, said in words."""
    if wanted not in ("auto", "minilm", "tfidf"):
        raise UserError(f"unknown text encoder {wanted!r}", "known: auto, minilm, tfidf")
    if wanted == "tfidf":
        return Choice(None)
    from giftrec.text.minilm import MiniLm

    try:
        return Choice(MiniLm.installed())
    except MissingExtraError as absent:
        if wanted == "minilm":
            raise
        return Choice(
            None,
            f"words are matched by TF-IDF, not by meaning: {absent.problem} ({absent.remedy})",
        )


class Remembering:
    """An encoder that remembers the latest queries. Safe to share between threads."""

    def __init__(self, encoder: Encoder, size: int = REMEMBERED) -> None:
        if size < 1:
            raise UserError(f"a memory of {size} queries", "give 1 or more")
        self.encoder, self.size = encoder, size
        self._kept: OrderedDict[str, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Floats:
        """[N, width]; what is not remembered is encoded outside the lock, all at once."""
        found: dict[str, Floats] = {}
        with self._lock:
            for text in texts:
                if text in self._kept:
                    self._kept.move_to_end(text)
                    found[text] = self._kept[text]
        fresh = [text for text in dict.fromkeys(texts) if text not in found]
        if fresh:
            vectors = np.asarray(self.encoder.encode(fresh), dtype=np.float32)
            found.update(zip(fresh, vectors, strict=True))
            with self._lock:
                for text in fresh:
                    self._kept[text] = found[text]
                    self._kept.move_to_end(text)
                while len(self._kept) > self.size:
                    self._kept.popitem(last=False)
        if not texts:
            return np.zeros((0, self.encoder.width), dtype=np.float32)
        return np.stack([found[text] for text in texts])

"""An index beside its snapshot: made once, checked by what it was made from, renewed otherwise.

The file is plain arrays (npz, nothing executable). It is used only if its fingerprint says that
the same texts, encoder and weights made it.
"""

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from giftrec.text.encoder import Choice, choose
from giftrec.text.exact import ExactWords
from giftrec.text.gift_texts import BODY, HEAD, GiftTexts
from giftrec.text.index import TextIndex
from giftrec.text.tfidf import TfIdf
from giftrec.vocabulary import Vocabulary
from reccore.files import write_atomic

FORMAT = 1
SOON = 1500  # gifts whose sentence embeddings are made in a minute


def fingerprint(content: str, choice: Choice) -> str:
    """Of all that decides the file: the snapshot's content and the encoder."""
    by = choice.encoder or TfIdf
    parts = [FORMAT, content, str(by.name), str(by.version), HEAD, BODY]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def place(snapshot: Path, choice: Choice) -> Path:
    """Where the index of a snapshot's file lies: beside it, one for each encoder."""
    name = choice.encoder.name if choice.encoder else TfIdf.name
    return snapshot.with_name(f"{snapshot.name}.{name}.npz")


def opened(
    snapshot: Path,
    gifts: pl.DataFrame,
    content: str | None = None,
    choice: Choice | None = None,
    vocabulary: Vocabulary | None = None,
) -> tuple[TextIndex, bool]:
    """The index of a snapshot, and whether it had to be made anew.

    `content` is the snapshot's own fingerprint; without one that of the texts is used. Where the
    folder cannot be written the index is made and not kept, which `degraded` says.
    """
    choice = choice or choose()
    texts = GiftTexts.of(gifts)
    made_from = fingerprint(content or texts.fingerprint, choice)
    path = place(snapshot, choice)
    kept = load(path, made_from, texts, choice, vocabulary)
    if kept is not None:
        return kept, False
    index = TextIndex.build(texts, choice, vocabulary)
    try:
        save(path, index, made_from)
    except OSError as error:
        said = f"the text index could not be kept at {path}: {error.strerror}"
        told = "; ".join(part for part in (index.degraded, said) if part)
        index = replace(index, degraded=told)
    return index, True


def at_once(
    snapshot: Path,
    gifts: pl.DataFrame,
    content: str | None = None,
    vocabulary: Vocabulary | None = None,
) -> TextIndex:
    """The best index that is there, or is soon made: nobody waits minutes for an answer.

    Where many gifts have no sentence embeddings yet, words are matched by TF-IDF until
    `giftrec catalog embed` has made them, which `degraded` says.
    """
    choice, texts = choose(), GiftTexts.of(gifts)
    if choice.encoder is not None and len(texts) > SOON:
        made_from = fingerprint(content or texts.fingerprint, choice)
        kept = load(place(snapshot, choice), made_from, texts, choice, vocabulary)
        if kept is not None:
            return kept
        why = f"the embeddings of {len(texts):,} gifts are not made yet: giftrec catalog embed"
        choice = Choice(None, f"words are matched by TF-IDF, not by meaning: {why}")
    return opened(snapshot, gifts, content, choice, vocabulary)[0]


def save(path: Path, index: TextIndex, made_from: str) -> None:
    arrays: dict[str, Any] = {
        "made_from": np.frombuffer(made_from.encode(), dtype=np.uint8),
        "vectors": index.vectors.astype(np.float16),
        **index.exact.arrays(),
    }
    if isinstance(index.encoder, TfIdf):
        arrays.update(index.encoder.arrays())

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)

    write_atomic(path, write)


def load(
    path: Path,
    made_from: str,
    texts: GiftTexts,
    choice: Choice,
    vocabulary: Vocabulary | None = None,
) -> TextIndex | None:
    """The stored index; None where there is none, or one of something else, or a broken one."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if bytes(stored["made_from"]).decode("ascii", "replace") != made_from:
                return None
            arrays = {name: stored[name] for name in stored.files}
        vectors = arrays["vectors"].astype(np.float32)
        encoder = choice.encoder or TfIdf.restored(arrays)
        exact = ExactWords.restored(arrays, len(texts))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if vectors.shape != (len(texts), encoder.width):
        return None
    return TextIndex(texts.ids, vectors, exact, encoder, vocabulary, choice.degraded)

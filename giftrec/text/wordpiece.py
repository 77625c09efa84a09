"""Texts as the pieces of words that BERT reads (Schuster and Nakajima 2012; Devlin et al. 2019).

The uncased rules: control characters go, accents and case are folded, punctuation and Chinese
characters stand alone, a word is cut greedily into the longest pieces the list has.
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

LONGEST_WORD = 100  # longer ones are unknown
LONGEST_TEXT = 20_000
CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """A list of pieces; a piece's number is its line."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.numbers = {piece: number for number, piece in enumerate(pieces)}
        self.first, self.last = self.numbers["[CLS]"], self.numbers["[SEP]"]
        self.unknown = self.numbers["[UNK]"]
        self.cut = lru_cache(maxsize=1 << 16)(self._cut)

    @classmethod
    def read(cls, path: Path) -> "WordPiece":
        return cls(path.read_text(encoding="utf-8").split("\n")[:-1])

    def __call__(self, text: str, longest: int) -> list[int]:
        """Numbers of a text's pieces between the marks of beginning and end."""
        found: list[int] = []
        for word in split(text):
            found.extend(self.cut(word))
            if len(found) >= longest - 2:
                break
        return [self.first, *found[: longest - 2], self.last]

    def _cut(self, word: str) -> tuple[int, ...]:
        if len(word) > LONGEST_WORD:
            return (self.unknown,)
        found: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                number = self.numbers.get(("##" if start else "") + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return (self.unknown,)
        return tuple(found)


def split(text: str) -> list[str]:
    """Words and single marks of punctuation, folded."""
    kept = "".join(_spaced(c) for c in text[:LONGEST_TEXT])
    bare = (c for c in unicodedata.normalize("NFD", kept) if unicodedata.category(c) != "Mn")
    lower = "".join(c.lower() for c in bare)
    return "".join(f" {c} " if _is_mark(c) else c for c in lower).split()


@lru_cache(maxsize=1 << 14)
def _spaced(c: str) -> str:
    if c in "\t\n\r":
        return " "
    if c in "\x00\ufffd" or unicodedata.category(c) in ("Cc", "Cf", "Co"):
        return ""
    if unicodedata.category(c) == "Zs":
        return " "
    return f" {c} " if any(low <= ord(c) <= high for low, high in CHINESE) else c


@lru_cache(maxsize=1 << 14)
def _is_mark(c: str) -> bool:
    plain = c.isascii() and c.isprintable() and not c.isalnum() and c != " "
    return plain or unicodedata.category(c).startswith("P")

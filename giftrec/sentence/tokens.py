"""A text as tokens that know where they stood: everything that is read keeps its span.

A token's `word` is what the rules look at (lower case, apostrophes plain, hyphens inside words
gone); `start` and `end` are places in the text as it was typed. One pass, linear in the text.
"""

import re
import unicodedata
from dataclasses import dataclass

PIECES = re.compile(
    r"""
      \d{4}-\d{1,2}-\d{1,2}(?!\d)                        # 2026-12-03
    | \d{1,2}/\d{1,2}(?:/(?:\d{4}|\d{2}))?(?![\d/])      # 12/24, 3/12/2026
    | (?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?:\d{4}|\d{2})?(?!\d)  # 3.12., 3.12.2026
    | \d{1,3}(?:[.,'\u2019\u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?(?!\d)    # 1.200,50
    | \d+(?:[.,]\d{1,2})?(?!\d)                          # 60, 59.90
    | \d+
    | [^\W\d_]+(?:['\u2019\u02bc`][^\W\d_]+)*            # word, doesn't, mum's
    | \n+
    | [^\s]
    """,
    re.VERBOSE,
)
APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "`": "'", "\u2018": "'"})
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
INVISIBLE = "\ufe0f\u200d\u200b\u2060\ufeff"
CLITICS = ("'s", "'re", "'ve", "'ll", "'d", "'m")


@dataclass(slots=True)
class Token:
    """A piece of the text. `fixed`: the word was a typo and has been read as another."""

    word: str
    start: int
    end: int
    capital: bool = False
    fixed: bool = False

    @property
    def is_word(self) -> bool:
        return self.word[0].isalpha() or self.word[0] == "'"

    @property
    def is_number(self) -> bool:
        return self.word[0].isdecimal()


def tokenise(text: str) -> list[Token]:
    """The pieces of `text` in order; spaces and hyphens inside words are left out."""
    tokens: list[Token] = []
    shouted = text.upper() == text
    for match in PIECES.finditer(text):
        piece, start, end = match.group(), match.start(), match.end()
        if piece[0].isalpha():
            tokens.extend(_word(piece, start, end, shouted))
        elif piece[0] == "\n":
            tokens.append(Token(".", start, end))
        elif piece in DASHES:
            if not _glued(text, start, end):
                tokens.append(Token("-", start, end))
        elif piece[0].isdecimal():
            tokens.append(Token(_plain(piece), start, end))
        elif piece not in INVISIBLE and piece != "_":
            tokens.append(Token(piece.translate(APOSTROPHES), start, end))
    return tokens


def _plain(piece: str) -> str:
    """A number's digits in ASCII: other scripts' digits are digits too."""
    if piece.isascii():
        return piece
    return "".join(str(unicodedata.digit(c, 0)) if c.isdecimal() else c for c in piece)


def _glued(text: str, start: int, end: int) -> bool:
    """Whether a dash joins words (`eco-friendly`, `5-year-old`), not numbers (`25-40`)."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return (before.isalnum() and after.isalpha()) or (before.isalpha() and after.isalnum())


def _word(piece: str, start: int, end: int, shouted: bool) -> list[Token]:
    word = piece.translate(APOSTROPHES).lower()
    if len(word) != len(piece):  # lower() may lengthen letters of rare scripts
        word = "".join(c.lower() if len(c.lower()) == 1 else c for c in piece)
    capital = piece[0].isupper() and not shouted
    if word.endswith("n't"):
        told = [Token(word[:-3], start, end - 3, capital)] if len(word) > 3 else []
        return [*told, Token("not", end - 3, end)]
    for clitic in CLITICS:
        if word.endswith(clitic) and word != clitic:
            cut = end - len(clitic)
            return [Token(word[: -len(clitic)], start, cut, capital), Token(clitic, cut, end)]
    return [Token(word, start, end, capital)]


def words_of(phrase: str) -> tuple[str, ...]:
    """A phrase of the word lists as the words that a text's tokens would have."""
    return tuple(token.word for token in tokenise(phrase.replace(" 's", "'s")))

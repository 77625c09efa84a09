"""The text as a stream of plain words: typos read, number words as digits, currencies as codes.

Rules look at `plain`, one string with single spaces ("my sister turns 30 , about 60 EUR"), and get
back token numbers, and so places in the text. What a rule has read is claimed; others skip it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from giftrec.sentence.lexicon import Lexicon
from giftrec.sentence.tokens import Token, tokenise

ONE_IS_NO_NUMBER_AFTER = {"the", "this", "that", "no", "any", "some", "which", "good", "every"}
ONE_IS_NO_NUMBER_BEFORE = {"of", "who", "that", "for", "with", "which"}
BEFORE_ORDINAL_DAY = {"birthday", "bday", "of"}


@dataclass(frozen=True)
class Found:
    """A match of a rule: tokens[start:end]."""

    start: int
    end: int
    match: re.Match[str]


class Stream:
    """The words of one text, and which of them a rule has claimed."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.text, self.lexicon = text, lexicon
        self.uncertain: dict[str, str] = {}
        self.misspelt: dict[int, str] = {}
        tokens = _numbers(self._spelt(tokenise(text)), lexicon)
        self.tokens = self._with_currencies(tokens)
        self.free = [True] * len(self.tokens)
        self._starts: list[int] = []
        parts, at = [" "], 1
        for token in self.tokens:
            self._starts.append(at)
            parts.append(token.word + " ")
            at += len(token.word) + 1
        self.plain = "".join(parts)

    def __len__(self) -> int:
        return len(self.tokens)

    def word(self, at: int) -> str:
        """The word there; beyond the ends, none."""
        return self.tokens[at].word if 0 <= at < len(self.tokens) else ""

    def find(self, rule: re.Pattern[str]) -> Iterator[Found]:
        """Matches of a rule that starts and ends at spaces, where nothing is claimed yet."""
        for match in rule.finditer(self.plain):
            text = match.group()
            low = match.start() + len(text) - len(text.lstrip())
            high = match.end() - len(text) + len(text.rstrip())
            start, end = self._token(low), self._token(max(low, high - 1)) + 1
            if all(self.free[start:end]):
                yield Found(start, end, match)

    def find_group(self, rule: re.Pattern[str]) -> Iterator[Found]:
        """Like `find`, but only the groups' words must be unclaimed, and only they are found."""
        for match in rule.finditer(self.plain):
            held = [n for n in range(1, rule.groups + 1) if match[n] is not None]
            start = self._token(match.start(held[0]))
            end = self._token(match.end(held[-1]) - 1) + 1
            if all(self.free[start:end]):
                yield Found(start, end, match)

    def place(self, token: int) -> int:
        """Where a token begins in `plain`."""
        return self._starts[token]

    def place_after(self, token: int) -> int:
        """Where the token after tokens[:token] begins in `plain`."""
        return self._starts[token] if token < len(self._starts) else len(self.plain)

    def token_at(self, place: int) -> int:
        """The token that covers a place of `plain`."""
        return self._token(place)

    def _token(self, place: int) -> int:
        return max(bisect_right(self._starts, place) - 1, 0)

    def claim(self, start: int, end: int) -> None:
        self.free[start:end] = [False] * (end - start)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where tokens[start:end] stood in the text."""
        return self.tokens[start].start, self.tokens[end - 1].end

    def said(self, start: int, end: int) -> str:
        low, high = self.span(start, end)
        return self.text[low:high]

    def typo(self, start: int, end: int) -> str:
        """What was misread there, in words, or nothing."""
        wrong = [n for n in range(start, end) if self.tokens[n].fixed]
        return "; ".join(f"{self.said(n, n + 1)!r} read as {self.word(n)!r}" for n in wrong)

    def _spelt(self, tokens: list[Token]) -> list[Token]:
        speller, calendar = self.lexicon.speller, self.lexicon.lists["calendar"]
        for n, token in enumerate(tokens):
            if not token.is_word or speller.knows(token.word):
                continue
            meant = speller.read(token.word)
            named = token.capital and n > 0 and tokens[n - 1].word not in {".", "!", "?"}
            dated = meant in calendar["weekdays"] or meant in calendar["months"]
            if meant is not None and (not named or dated or meant in {"christmas", "valentine"}):
                token.word, token.fixed = meant, True
        return tokens

    def _with_currencies(self, tokens: list[Token]) -> list[Token]:
        read: list[Token] = []
        at = 0
        while at < len(tokens):
            end, code = self._currency(tokens, at)
            if code:
                read.append(replace(tokens[at], word=code, end=tokens[end - 1].end, fixed=False))
                at = end
            else:
                read.append(tokens[at])
                at += 1
        return read

    def _currency(self, tokens: list[Token], at: int) -> tuple[int, str]:
        for words, code, uncertain in self.lexicon.currencies.get(tokens[at].word, ()):
            end = at + len(words)
            if tuple(token.word for token in tokens[at:end]) != words:
                continue
            symbol = not words[-1][0].isalpha()
            if symbol and len(words) > 1 and tokens[at].end != tokens[at + 1].start:
                continue
            before = at > 0 and tokens[at - 1].is_number
            after = end < len(tokens) and tokens[end].is_number
            if symbol or before or (after and len(words[0]) > 2):
                if uncertain:
                    self.uncertain[code] = self.text[tokens[at].start : tokens[end - 1].end]
                return end, code
        return at, ""


def _numbers(tokens: list[Token], lexicon: Lexicon) -> list[Token]:
    """Number words, `5k`, `30th` and `60s` as one token of digits each."""
    tables = lexicon.lists["numbers"]
    small, times = tables["a_word_each"], tables["times"]
    months = lexicon.lists["calendar"]["months"]
    read: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        after = tokens[at + 1].word if at + 1 < len(tokens) else ""
        if token.word[0].isdecimal():
            end = _suffix(tokens, at)
        elif token.word in tables["decades"]:
            tokens[at] = replace(token, word=f"{tables['decades'][token.word]}s")
            end = at + 1
        elif token.word in tables["ordinals"] and (
            after in BEFORE_ORDINAL_DAY or after in months or tables["ordinals"][token.word] >= 20
        ):
            tokens[at] = replace(token, word=f"{tables['ordinals'][token.word]}th")
            end = at + 1
        else:
            end = _spelled(tokens, at, small, times, tables["ordinals"])
        read.append(replace(tokens[at], end=tokens[end - 1].end))
        at = end
    return read


def _suffix(tokens: list[Token], at: int) -> int:
    """Reads what is glued to digits; rewrites the token, and says where the number ends."""
    token, end = tokens[at], at + 1
    if end >= len(tokens) or not token.word.replace(".", "").replace(",", "").isdecimal():
        return end
    after = tokens[end]
    glued = after.start == token.end
    if after.word == "k" and glued and len(token.word) <= 6:
        number = token.word.replace(",", ".")
        if number.count(".") <= 1:
            whole, _, part = number.partition(".")
            tokens[at] = replace(token, word=str(int(whole + part.ljust(3, "0")[:3])))
            return end + 1
    if after.word in {"th", "st", "nd", "rd"} and glued and token.word.isdecimal():
        tokens[at] = replace(token, word=f"{token.word}th")
        return end + 1
    if after.word in {"s", "'s"} and glued and token.word[-1] == "0" and len(token.word) == 2:
        tokens[at] = replace(token, word=f"{token.word}s")
        return end + 1
    if after.word in times_after(token) and not glued:
        tokens[at] = replace(token, word=str(int(token.word) * times_after(token)[after.word]))
        return end + 1
    return end


def times_after(token: Token) -> dict[str, int]:
    """`2 hundred`, `5 thousand`: only after whole small numbers."""
    whole = token.word.isdecimal() and len(token.word) <= 3
    return {"hundred": 100, "thousand": 1000, "grand": 1000} if whole else {}


def _spelled(
    tokens: list[Token],
    at: int,
    small: dict[str, int],
    times: dict[str, int],
    ordinals: dict[str, int],
) -> int:
    """`two hundred and fifty`, `a hundred`, `twenty-five`, `thirty-fifth`."""
    words = [token.word for token in tokens[at : at + 8]]
    total = current = 0
    n = 0
    if words[0] == "a" and len(words) > 1 and words[1] in times:
        current, n = 1, 1
    elif words[0] not in small or (words[0] == "one" and not _is_number_one(tokens, at)):
        return at + 1
    ordinal = False
    while n < len(words):
        word = words[n]
        if word in small and (current % 10 == 0 and (current % 100 == 0 or small[word] < 10)):
            if current and current % 100 == 0 and small[word] == 0:
                break
            current += small[word]
        elif word in ordinals and ordinals[word] < 10 and current % 100 >= 20 and current % 10 == 0:
            current, ordinal = current + ordinals[word], True
            n += 1
            break
        elif word in times and 0 < current < 1000:
            current *= times[word]
            if times[word] == 1000:
                total, current = total + current, 0
        elif word == "and" and n and words[n - 1] in times and n + 1 < len(words):
            if words[n + 1] not in small:
                break
        else:
            break
        n += 1
    tokens[at] = replace(tokens[at], word=f"{total + current}{'th' if ordinal else ''}")
    return at + n


def _is_number_one(tokens: list[Token], at: int) -> bool:
    before = tokens[at - 1].word if at else ""
    after = tokens[at + 1].word if at + 1 < len(tokens) else ""
    return before not in ONE_IS_NO_NUMBER_AFTER and after not in ONE_IS_NO_NUMBER_BEFORE

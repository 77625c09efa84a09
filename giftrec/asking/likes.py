"""Likes that stand in no vocabulary: which words of a sentence are looked for in gift texts.

Of the words that were not understood only those are likes that a liking reaches: after "loves",
"into", "plays the" and the like, or in one list with a taste that was understood, in the same
clause. And a taste that was understood only as something near ("pottery taken as crafts") is looked
for in its own words too.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from giftrec.sentence.lexicon import Mark
from giftrec.sentence.reading import words_known
from giftrec.sentence.result import Parsed, Person, Slot
from giftrec.sentence.scopes import ENDS
from giftrec.sentence.stream import Stream
from giftrec.vocabulary import Vocabulary

JOINS = frozenset(("and", "or", "&", ",", "/", "+", "plus", "also"))
PASSED = JOINS | frozenset(
    ("the", "a", "an", "her", "his", "their", "all", "both", "of", "with", "to", "some", "any",
     "anything", "everything", "things", "stuff", "about", "lots", "kinds", "types", "old", "new",
     "very", "much", "really", "especially", "mostly", "such", "as", "around", "everyone", "own",
     "doing", "playing", "making", "watching", "reading", "collecting", "learning", "on")
)  # fmt: skip
DOING = frozenset(
    ("plays", "play", "playing", "collects", "collecting", "makes", "making", "builds", "building",
     "watches", "watching", "studies", "studying", "learns", "learning", "practises", "practices",
     "grows", "growing", "keeps", "keeping", "breeds", "restores", "restoring", "brews", "rides",
     "riding", "dances", "sings", "writes", "plays the", "reads")
)  # fmt: skip
NO_LIKES = frozenset(
    ("learn", "listen", "listening", "talk", "talking", "laugh", "laughing", "brings", "bring",
     "visit", "visiting", "become", "becoming", "spend", "spending", "use", "using", "try",
     "trying", "start", "started", "starting", "work", "working", "live", "living", "size", "amp",
     "quot", "nbsp", "welcome", "time", "hours", "days", "day", "week", "weekend", "weekends")
)  # fmt: skip
THINGS = frozenset(("anything", "something", "everything", "stuff", "things"))
LINKS = frozenset(("with", "about", "around", "featuring", "involving"))
STOPPED = ("not", "dislikes", "owns", "neutral", "relationship")
LONGEST_WORDS, SHORTEST = 6, 3  # words; letters
FAR = 40  # words that a liking reaches at most


@dataclass(frozen=True)
class Like:
    """Words to look for, and where they stood: text[start:end]."""

    words: str
    start: int
    end: int


def likes(text: str, parsed: Parsed, vocabulary: Vocabulary) -> list[Like]:
    """All likes of a text in free words, in its order; no two overlap."""
    stream = Stream(text, words_known(vocabulary))
    reach = _Reach(stream, parsed)
    found = []
    for place in chain(reach.unknown(parsed.unknown), reach.close):
        start, end = reach.whole(*place)
        if start >= end:
            continue
        low, high = stream.span(start, end)
        words = " ".join(text[low:high].split())
        letters = sum(c.isalpha() for c in words)
        says = any(stream.word(at) not in NO_LIKES for at in range(start, end))
        if says and letters >= SHORTEST and end - start <= LONGEST_WORDS:
            found.append(Like(words, low, high))
    found.sort(key=lambda like: (like.start, -like.end))
    apart: list[Like] = []
    for like in found:
        if not apart or like.start >= apart[-1].end:
            apart.append(like)
    return apart


def of_person(likes: Sequence[Like], text: str, parsed: Parsed, nth: int) -> list[Like]:
    """Those of one person: what is said after their mention; "they both love ..." is of all."""
    if len(parsed.people) == 1:
        return list(likes)
    begins = [p.relationship.start if p.relationship else 0 for p in parsed.people]
    mine = []
    for like in likes:
        before = [n for n, begin in enumerate(begins) if begin <= like.start]
        whose = max(before, key=lambda n: begins[n], default=0)
        between = text[begins[whose] : like.start].lower().split()
        if whose == nth or {"both", "they"} & set(between[-6:]):
            mine.append(like)
    return mine


class _Reach:
    """How far the likings of one text reach."""

    def __init__(self, stream: Stream, parsed: Parsed) -> None:
        self.stream = stream
        self.starts = [token.start for token in stream.tokens]
        self.ends = [token.end for token in stream.tokens]
        self.at: dict[int, Mark] = {}
        for mark in stream.lexicon.marks(stream.tokens, [True] * len(stream)):
            self.at.update(dict.fromkeys(range(mark.start, mark.end), mark))
        people = parsed.people
        near = [slot for person in people for slot in _near(person)]
        others = [(p.budget, p.needed_by, p.age, p.occasion, p.relationship) for p in people]
        self.close = [self._tokens(slot.start, slot.end) for slot in near]
        self.against = self._places([s for p in people for s in (*p.excluded, *p.owned)])
        self.tastes = self._places([s for p in people for s in (*p.hobbies, *p.preferences)])
        self.other = self._places([slot for slots in others for slot in slots if slot is not None])
        self.missed = {word for said in parsed.unknown for word in said.split()}
        self.joined = self._places(near)

    def unknown(self, words: Sequence[str]) -> list[tuple[int, int]]:
        """Tokens of what was not understood, where a liking reaches it."""
        found = []
        for said in words:
            pattern = r"\s+".join(re.escape(part) for part in said.split())
            for match in re.finditer(rf"(?<!\w){pattern}(?!\w)", self.stream.text):
                start, end = self._tokens(match.start(), match.end())
                if start not in self.against and self._liked(start):
                    found.append((start, end))
        return found

    def whole(self, start: int, end: int) -> tuple[int, int]:
        """With the words that belong to it on both sides: "spicy food", "knit sweaters"."""
        while self._belongs(start - 1):
            start -= 1
        while self._belongs(end):
            end += 1
        while start < end - 1 and self.stream.word(start) in NO_LIKES:
            start += 1
        while start < end - 1 and self.stream.word(end - 1) in NO_LIKES:
            end -= 1
        return start, end

    def _belongs(self, at: int, joined: bool = True) -> bool:
        if not 0 <= at < len(self.stream) or at in self.against or at in self.other:
            return False
        if joined and self.stream.word(at) == "&":  # "dungeons & dragons"
            return self._belongs(at - 1, False) and self._belongs(at + 1, False)
        return at in self.joined or self.stream.said(at, at + 1) in self.missed

    def _liked(self, start: int) -> bool:
        """Whether the words before lead to a liking, or along a list to a taste."""
        listed = True
        for at in range(start - 1, max(start - FAR, 0) - 1, -1):
            word, taste = self.stream.word(at), at in self.tastes
            if word == ":":
                continue
            if self._stops(at):
                return False
            if self._likes(at) or (taste and listed and at < start - 1):
                return True
            missed = word not in self.stream.lexicon.silent and self.stream.tokens[at].is_word
            if not (taste or missed or word in PASSED):
                return False
            listed = listed and (missed or word in JOINS)
        return False

    def _likes(self, at: int) -> bool:
        word, mark = self.stream.word(at), self.at.get(at)
        if mark is not None and mark.of("positive"):
            return True
        return word in DOING or (word in LINKS and self.stream.word(at - 1) in THINGS)

    def _stops(self, at: int) -> bool:
        if at in self.against or at in self.other or self.stream.word(at) in ENDS:
            return True
        mark = self.at.get(at)
        against = mark is not None and any(mark.of(kind) for kind in STOPPED)
        return against and not self._likes(at)

    def _tokens(self, low: int, high: int) -> tuple[int, int]:
        """The tokens that text[low:high] touches."""
        first = bisect_right(self.ends, low)
        return first, max(bisect_left(self.starts, high), first)

    def _places(self, slots: Sequence[Slot[Any]]) -> set[int]:
        return {at for slot in slots for at in range(*self._tokens(slot.start, slot.end))}


def _near(person: Person) -> list[Slot[str]]:
    return [slot for slot in person.hobbies if " taken as " in slot.note]

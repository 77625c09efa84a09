"""What is not wanted and what is already there: how far "hates", "no" and "already has" reach.

A cue covers the things named after it, up to the end of the clause, a word of liking ("but loves
..."), a sum or a day. A comma ends it too, unless the list goes on to an "or" ("no books, mugs or
candles") or, after a verb of dislike, an "and".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from giftrec.sentence.lexicon import Mark
from giftrec.sentence.stream import Stream

ENDS = frozenset('.!?;()[]:{}"<>=|')
JOINS = frozenset(("and", "or", "nor", "/", "&", "+", "n"))
LOOK, REACH = 14, 5
QUOTES = frozenset("'\"\u201c\u201d\u00ab\u00bb*_`#")
VERBS = frozenset(("drink", "drinks", "eat", "eats", "play", "plays", "smoke", "smokes"))
SIZES = frozenset(("big", "large", "small", "heavy", "bulky", "long"))
SUBJECTS = frozenset(("my", "our", "she", "he", "they", "i", "we", "it", "you", "the budget"))
SKIPPED = frozenset(
    ("a", "an", "the", "some", "any", "more", "his", "her", "their", "its", "those", "these", "of",
     "another", "every", "all", "other", "our", "my", "please", "many", "several", "new", "lots",
     "plenty", "own", "enough", "one", "such", "yet", "too", "even", "also", "nice", "good", "no",
     "loads", "kind", "that")
)  # fmt: skip


@dataclass(frozen=True)
class Thing:
    """tokens[start:end] name something that a cue covers."""

    start: int
    end: int


class Scopes:
    """Reads the cues of one text."""

    def __init__(self, stream: Stream, marks: Sequence[Mark]) -> None:
        self.stream, self.marks = stream, marks
        self.at: Mapping[int, Mark] = {mark.start: mark for mark in marks}
        self.cues = stream.lexicon.cues
        self.limits = {words for words in self.cues["but"] if " " not in words}
        self.limit_phrases = {words for words in self.cues["but"] if " " in words}

    def unwanted(self) -> Iterator[tuple[Mark, list[Thing]]]:
        for mark in self.marks:
            verb = mark.of("dislikes") is not None
            if (verb or mark.of("not")) and all(self.stream.free[mark.start : mark.end]):
                yield mark, self._covered(mark.end, verb, self.cues["passed"])

    def owned(self) -> Iterator[tuple[Mark | None, list[Thing]]]:
        for mark in self.marks:
            if mark.of("owns") is not None and all(self.stream.free[mark.start : mark.end]):
                yield mark, self._covered(mark.end, True, frozenset(("of", "got", "had")))
        for behind in range(len(self.stream)):
            if self.stream.word(behind) == "already" and self.stream.free[behind]:
                yield None, self._before(behind)

    def _before(self, behind: int) -> list[Thing]:
        """`has a tent already`"""
        for at in range(behind - 1, max(behind - 9, -1), -1):
            word = self.stream.word(at)
            if word in ENDS or word == "," or not self.stream.free[at]:
                return []
            if word in {"has", "have", "got", "owns"}:
                return [
                    t for t in self._covered(at + 1, True, frozenset(("got",))) if t.end <= behind
                ]
        return []

    def _covered(  # noqa: PLR0912, PLR0915  one walk over the words, one branch for each kind
        self, at: int, verb: bool, passed: frozenset[str]
    ) -> list[Thing]:
        things: list[Thing] = []
        start: int | None = None
        last_join = True  # a thing may begin here
        passed_verb: int | None = None  # "does not drink" is a thing, if nothing follows

        def close(end: int) -> None:
            nonlocal start
            if start is not None and end > start:
                things.append(Thing(start, end))
            start = None

        while at < len(self.stream):
            word = self.stream.word(at)
            begun = bool(things) or start is not None
            if not begun and word in {":", "="} and passed_verb is None:
                at += 1
                continue
            if word in ENDS or not self.stream.free[at]:
                break
            if word in QUOTES:
                at += 1
                continue
            if not begun and word in passed:
                passed_verb = at if word in VERBS else passed_verb
                at += 1
                continue
            if not begun and passed_verb == at - 1 and word in JOINS:
                things.append(Thing(passed_verb, at))
                passed_verb = None
                at += 1
                continue
            if self._limits(at, begun):
                break
            if word == ",":
                close(at)
                if not begun or not self._list_goes_on(at + 1, verb):
                    break
                last_join, at = True, at + 1
                continue
            if word in JOINS:
                close(at)
                if self._new_clause(at + 1):
                    break
                last_join, at = True, at + 1
                continue
            if self._is_content(at):
                if start is None and not last_join:
                    break
                if start is None:
                    start = at
                last_join = False
                mark = self.at.get(at)
                at = mark.end if mark and mark.end > at else at + 1
                continue
            if (
                start is None
                and last_join
                and (word in SKIPPED or word in passed or word[0].isdecimal())
            ):
                at += 1
                continue
            break
        close(at)
        if not things and passed_verb is not None and passed_verb == at - 1:
            things.append(Thing(passed_verb, at))
        return [t for t in (self._trimmed(thing) for thing in things[:12]) if t.end > t.start]

    def _is_content(self, at: int) -> bool:
        token = self.stream.tokens[at]
        mark = self.at.get(at)
        if token.word in SIZES:
            return True
        if mark is not None and any(
            mark.of(k)
            for k in (
                "hobby",
                "preference",
                "age",
                "other_occasion",
                "occasion",
                "someone",
                "plain",
            )
        ):
            return True
        return token.is_word and token.word not in self.stream.lexicon.ignored

    def _limits(self, at: int, begun: bool) -> bool:
        word = self.stream.word(at)
        mark = self.at.get(at)
        if mark is not None and begun and (mark.of("positive") or mark.of("relationship")):
            return True
        if mark is not None and (mark.of("not") or mark.of("dislikes") or mark.of("owns")):
            return True
        if mark is not None and mark.of("neutral"):
            return True
        pair = f"{word} {self.stream.word(at + 1)}"
        return (
            (begun and word in self.limits)
            or pair in self.limit_phrases
            or (not begun and word in {"but", "because", "however", "who"})
        )

    def _new_clause(self, at: int) -> bool:
        word, mark = self.stream.word(at), self.at.get(at)
        if word in SUBJECTS or not word or (at < len(self.stream) and not self.stream.free[at]):
            return True
        kinds = ("positive", "relationship", "not", "owns", "dislikes", "neutral")
        return mark is not None and any(mark.of(kind) for kind in kinds)

    def _list_goes_on(self, at: int, verb: bool) -> bool:
        """Whether after this comma the same list is continued up to an `or` (or `and`)."""
        joins = {"or", "nor", "and", "&"} if verb else {"or", "nor"}
        if self.stream.word(at) in joins:
            return not self._new_clause(at + 1)
        seen = 0
        for n in range(at, min(at + LOOK, len(self.stream))):
            word, mark = self.stream.word(n), self.at.get(n)
            if word in ENDS or not self.stream.free[n] or word in self.limits:
                return False
            if mark is not None and any(
                mark.of(k)
                for k in ("positive", "relationship", "not", "owns", "dislikes", "neutral")
            ):
                return False
            if word in joins:
                return not self._new_clause(n + 1)
            seen = 0 if word == "," else seen + 1
            if word in JOINS or seen > REACH:
                break
        return False

    def _trimmed(self, thing: Thing) -> Thing:
        """Without "lover", "stuff" and the like at its end, and "scented stuff of" at its start."""
        start, end = thing.start, thing.end
        while end > start + 1 and (
            self.stream.word(end - 1) in self.cues["fan"] or self.stream.word(end - 1) in QUOTES
        ):
            end -= 1
        return Thing(start, end)

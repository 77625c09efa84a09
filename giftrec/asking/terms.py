"""A shopper's words as terms of the vocabulary, and what is done with those that are none.

A word is a term's own name, one of its forms ("mum"), close to it ("pottery" to crafts, which is
said) or misspelt (said too). A taste that is none of these is a free wish, which gift texts are
searched for; a relationship or an occasion that is none is refused. With `free=False` only the
vocabulary's own names are taken.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from giftrec.sentence.reading import words_known
from giftrec.sentence.stream import Stream
from giftrec.text.terms import SURE, Terms
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError

NEAREST = 3


@dataclass(frozen=True)
class Taken:
    """Words as terms; `free`: those to look for in gift texts; `notes`: what was taken for what."""

    terms: tuple[str, ...]
    free: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Reader:
    """Reads single words with one vocabulary; an index's `terms` know more of what is near."""

    vocabulary: Vocabulary
    free: bool = True
    terms: Terms | None = None

    def one(self, kind: str, word: str) -> tuple[str, str]:
        """The term of a word that has to be one, and a note where it is not its name."""
        found = self._found(kind, word)
        if found is None:
            raise self._unknown(kind, word)
        return found[0], found[1]

    def some(self, kind: str, words: Sequence[str]) -> Taken:
        """The terms of tastes; what is none, or only close to one, is free."""
        terms: dict[str, None] = {}
        free: dict[str, None] = {}
        notes: dict[str, None] = {}
        for word in words:
            found = self._found(kind, word)
            if found is None and not self.free:
                raise self._unknown(kind, word)
            if found is None or found[2]:
                free[" ".join(word.split())] = None
            if found is not None:
                terms[found[0]] = None
                notes.update(dict.fromkeys([found[1]] if found[1] else []))
        return Taken(tuple(terms), tuple(free), tuple(notes))

    def _found(self, kind: str, word: str) -> tuple[str, str, bool] | None:
        """(term, note, whether it is only close)"""
        tidy = "_".join(word.lower().replace("-", " ").replace("_", " ").split())
        if tidy in self.vocabulary.levels(kind):
            return tidy, "", False
        return self._understood(kind, word) if self.free else None

    def _understood(self, kind: str, word: str) -> tuple[str, str, bool] | None:
        """As the sentence parser reads it."""
        lexicon = words_known(self.vocabulary)
        stream = Stream(word, lexicon)
        mark = lexicon.longest(stream.tokens, stream.free, 0) if stream.tokens else None
        meaning = mark.of(kind) if mark is not None and mark.end == len(stream) else None
        if meaning is None:
            return None
        plain = meaning.value.replace("_", " ")
        changed = meaning.near or any(token.fixed for token in stream.tokens)
        note = f"{word.strip()[:60]} taken as {plain}" if changed else ""
        return meaning.value, note, meaning.near

    def _unknown(self, kind: str, word: str) -> UserError:
        """The nearest: as a sentence would be read, then by spelling, then by kin."""
        understood = self._understood(kind, word)
        known = self.vocabulary.levels(kind)
        tidy = word.strip().lower().replace(" ", "_").replace("-", "_")
        close = dict.fromkeys([understood[0]] if understood else [])
        spelt = difflib.get_close_matches(tidy[:60], known, n=NEAREST, cutoff=0.5)
        close.update(dict.fromkeys(spelt))
        terms = self.terms or Terms.of(self.vocabulary)
        near = terms.nearest(word[:60], kind, NEAREST)
        close.update(dict.fromkeys(one.term for one in near if one.confidence >= SURE))
        nearest = ", ".join(list(close)[:NEAREST])
        remedy = f"nearest: {nearest}" if nearest else f"known: {', '.join(known)}"
        return UserError(f"{kind} {word[:60]!r} is not known", remedy)

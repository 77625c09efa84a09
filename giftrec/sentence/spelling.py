"""Typos: a word is read as another only where nothing else can be meant.

Deleting one or two letters from both sides finds neighbours without comparing with every word
(W. Garbe's symmetric deletes), so the cost does not grow with the word list. Only words of five
letters or more that are no known English word are looked at; one edit is allowed, two for the long
words of `strong`; the first letter must be right; and all nearest words must mean the same.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations

SHORTEST, TWO_EDITS, LONGEST = 5, 8, 20


class Speller:
    """`meanings`: word -> what it stands for; two words that mean the same are not ambiguous."""

    def __init__(
        self, meanings: Mapping[str, object], known: Iterable[str], strong: Iterable[str]
    ) -> None:
        self._meanings = meanings
        self._strong = frozenset(word for word in strong if len(word) >= TWO_EDITS)
        self._known = frozenset(known) | frozenset(meanings)
        self._near: dict[str, list[str]] = {}
        for word in meanings:
            if SHORTEST <= len(word) <= LONGEST and word.isalpha():
                for left in _deletes(word, 2 if word in self._strong else 1):
                    self._near.setdefault(left, []).append(word)

    def knows(self, word: str) -> bool:
        return word in self._known

    def read(self, word: str) -> str | None:
        """The word that is meant by a misspelt one, or None."""
        if not SHORTEST <= len(word) <= LONGEST + 2 or word in self._known:
            return None
        if _plural_of(word) & self._known or not word.isalpha():
            return None
        close = self._candidates(word)
        if not close:
            return None
        nearest = min(close.values())
        best = sorted(w for w, distance in close.items() if distance == nearest)
        means = {repr(self._meanings[w]) for w in best}
        return best[0] if len(means) == 1 else None

    def _candidates(self, word: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for left in _deletes(word, 2 if len(word) >= TWO_EDITS - 1 else 1):
            for other in self._near.get(left, ()):
                if other not in found and other[0] == word[0]:
                    distance = edits(word, other)
                    if distance <= (2 if other in self._strong else 1):
                        found[other] = distance
        return found


def _plural_of(word: str) -> set[str]:
    """What the word may be an inflection of: a known one's plural is known."""
    endings = ("s", "es", "ed", "ing", "ly", "er", "ers", "d", "r")
    stems = {word[: -len(e)] for e in endings if word.endswith(e) and len(word) - len(e) >= 4}
    return stems | {stem + "e" for stem in stems if word.endswith(("ing", "ed", "er"))}


def _deletes(word: str, most: int) -> set[str]:
    left = {word}
    for count in range(1, most + 1):
        for gone in combinations(range(len(word)), count):
            left.add("".join(c for n, c in enumerate(word) if n not in gone))
    return left


def edits(a: str, b: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment)."""
    before, row = list(range(len(b) + 1)), list(range(len(b) + 1))
    older = before
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        older, before = before, row
    return row[-1]

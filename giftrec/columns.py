"""Recipients as columns of numbers: the form in which models and augmentation take them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from giftrec.money import Money
from giftrec.schema import Profile
from giftrec.vocabulary import Vocabulary

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Columns:
    """N recipients. Words are in the order of the vocabulary; sets have no order."""

    age: Floats  # [N]
    hobbies: Floats  # [N, H] 1 where a hobby is theirs
    preferences: Floats  # [N, P]
    relationship: Numbers  # [N]
    occasion: Numbers  # [N]
    budget: Floats  # [N] minor units
    days_left: Floats  # [N]

    @classmethod
    def of(cls, profiles: Sequence[Profile], vocabulary: Vocabulary) -> "Columns":
        def number(factor: str, words: Sequence[str]) -> Numbers:
            order = {word: code for code, word in enumerate(vocabulary.levels(factor))}
            return np.array([order[word] for word in words], dtype=np.int64)

        return cls(
            age=np.array([p.age for p in profiles], dtype=np.float32),
            hobbies=incidence([p.hobbies for p in profiles], vocabulary.levels("hobby")),
            preferences=incidence(
                [p.preferences for p in profiles], vocabulary.levels("preference")
            ),
            relationship=number("relationship", [p.relationship for p in profiles]),
            occasion=number("occasion", [p.occasion for p in profiles]),
            budget=np.array([p.budget.minor for p in profiles], dtype=np.float32),
            days_left=np.array([p.days_left for p in profiles], dtype=np.float32),
        )

    def __len__(self) -> int:
        return len(self.age)

    def take(self, rows: npt.ArrayLike) -> "Columns":
        picked = np.asarray(rows)
        return Columns(**{f.name: getattr(self, f.name)[picked] for f in fields(self)})

    def and_(self, others: "Columns") -> "Columns":
        """These, then the others."""
        mine, theirs = vars(self), vars(others)
        return Columns(**{name: np.concatenate([mine[name], theirs[name]]) for name in mine})

    def profiles(self, vocabulary: Vocabulary, currency: str) -> list[Profile]:
        """The recipients again, as records."""
        hobby, preference = vocabulary.levels("hobby"), vocabulary.levels("preference")
        relationship, occasion = vocabulary.levels("relationship"), vocabulary.levels("occasion")
        return [
            Profile(
                age=int(self.age[n]),
                hobbies=tuple(hobby[h] for h in np.flatnonzero(self.hobbies[n])),
                preferences=tuple(preference[p] for p in np.flatnonzero(self.preferences[n])),
                relationship=relationship[self.relationship[n]],
                occasion=occasion[self.occasion[n]],
                budget=Money(minor=round(float(self.budget[n])), currency=currency),
                days_left=int(self.days_left[n]),
            )
            for n in range(len(self))
        ]


def incidence(sets: Sequence[Sequence[str]], words: Sequence[str]) -> Floats:
    """[N, W] 1 where a word is in the set."""
    order = {word: code for code, word in enumerate(words)}
    table = np.zeros((len(sets), len(words)), dtype=np.float32)
    for row, some in enumerate(sets):
        for word in some:
            table[row, order[word]] = 1.0
    return table


def kinds(words: Sequence[str], families: Sequence[str]) -> Floats:
    """[W, F] 1 where a word is of a family: `words[i]` names the family of word i."""
    return incidence([(family,) for family in words], families)

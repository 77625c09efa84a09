"""The words of the gift products: hobbies, preferences, relationships, occasions, categories.

They are data (`vocabulary.toml`), so that a user can bring others; a word that is not there is an
error that lists the nearest ones.
"""

import difflib
import tomllib
from collections.abc import Iterable
from functools import cached_property, lru_cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from reccore.config import Settings, read_toml, validate
from reccore.errors import UserError

Groups = dict[str, tuple[str, ...]]
Range = tuple[int, int]
TOOLS = (
    "price_comparison",
    "review_analysis",
    "inventory_check",
    "trend_analyzer",
    "budget_optimizer",
)


class Vocabulary(Settings):
    """All words, by factor. Orders are those of the file: they are the codes of the models."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, ignored_types=(cached_property,)
    )

    hobby_categories: Groups
    preference_types: Groups
    relationships: dict[str, float]
    occasions: dict[str, float]
    age_groups: dict[str, Range]
    budget_tiers: dict[str, Range]
    urgencies: dict[str, Range]
    gift_categories: dict[str, str]
    tools: dict[str, float] = Field(description="what one call costs, in satisfaction")
    impossible: dict[str, tuple[tuple[str, str], ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> "Vocabulary":
        if tuple(self.tools) != TOOLS:
            raise ValueError("tools must be, in this order: " + ", ".join(TOOLS))
        self._check_words()
        self._check_ranges()
        for factors, pairs in self.impossible.items():
            names = factors.split(",")
            if len(names) != 2:
                raise ValueError(f"impossible: {factors!r} is not two factors, a comma between")
            for pair in pairs:
                for factor, value in zip(names, pair, strict=True):
                    if value not in self.levels(factor):
                        raise ValueError(f"impossible: {value!r} is no {factor}")
        return self

    def _check_words(self) -> None:
        for name, groups in (
            ("hobby", self.hobby_categories),
            ("preference", self.preference_types),
        ):
            words = [word for some in groups.values() for word in some]
            if len(set(words)) < len(words) or not all(groups.values()):
                raise ValueError(f"every {name} is in one group, and no group is empty")
        for name, shares in (("relationships", self.relationships), ("occasions", self.occasions)):
            if not all(0 <= share <= 1 for share in shares.values()):
                raise ValueError(f"{name} are numbers from 0 to 1")
        if min(self.tools.values()) < 0:
            raise ValueError("a tool's cost is not negative")

    def _check_ranges(self) -> None:
        for name, ranges in (
            ("age_groups", self.age_groups),
            ("budget_tiers", self.budget_tiers),
            ("urgencies", self.urgencies),
        ):
            bounds = list(ranges.values())
            if any(low > high for low, high in bounds) or bounds != sorted(bounds):
                raise ValueError(f"{name} are ranges from low to high, in ascending order")

    def levels(self, factor: str) -> tuple[str, ...]:
        """The values a factor of a scenario can take."""
        known: dict[str, Iterable[str]] = {
            "age_group": self.age_groups,
            "hobby_category": self.hobby_categories,
            "hobby": self.hobbies,
            "preference_type": self.preference_types,
            "preference": self.preferences,
            "relationship": self.relationships,
            "occasion": self.occasions,
            "budget_tier": self.budget_tiers,
            "urgency": self.urgencies,
            "category": self.gift_categories,
            "tool": self.tools,
        }
        if factor not in known:
            raise ValueError(f"unknown factor {factor!r}; known: {', '.join(known)}")
        return tuple(known[factor])

    @cached_property
    def hobbies(self) -> dict[str, str]:
        """hobby -> its category"""
        return {h: c for c, all_of in self.hobby_categories.items() for h in all_of}

    @cached_property
    def preferences(self) -> dict[str, str]:
        """preference term -> its type"""
        return {p: t for t, all_of in self.preference_types.items() for p in all_of}

    def require(self, factor: str, word: str, where: str) -> None:
        """Refuse a word that is not in the vocabulary, naming the nearest ones."""
        known = self.levels(factor)
        if word in known:
            return
        tidy = word.strip().lower().replace(" ", "_").replace("-", "_")
        close = difflib.get_close_matches(tidy, known, n=3, cutoff=0.5)
        remedy = f"nearest: {', '.join(close)}" if close else f"known: {', '.join(known)}"
        raise UserError(f"{where}: unknown {factor.replace('_', ' ')} {word!r}", remedy)

    def is_possible(self, **values: str) -> bool:
        """Whether such a scenario can happen."""
        for factors, pairs in self.impossible.items():
            first, second = factors.split(",")
            if first in values and second in values and (values[first], values[second]) in pairs:
                return False
        return True

    def age_group(self, age: int) -> str:
        """The group of an age; beyond the outermost ones, the nearest."""
        bounds = list(self.age_groups.items())
        for name, (_, last) in bounds:
            if age <= last:
                return name
        return bounds[-1][0]

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Every hobby and preference term."""
        return tuple(chain(self.hobbies, self.preferences))


@lru_cache(maxsize=1)
def default_vocabulary() -> Vocabulary:
    text = files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8")
    return _checked(tomllib.loads(text), "vocabulary.toml")


def load_vocabulary(path: Path | None) -> Vocabulary:
    """The shipped words, or those of a file."""
    return default_vocabulary() if path is None else _checked(read_toml(path), str(path))


def _checked(tree: dict[str, Any], source: str) -> Vocabulary:
    return validate(Vocabulary, tree, source)

"""Variations of recipients that keep their labels: seed 004's augmentation.

Age by up to 5 years, budget by up to 25%, fewer hobbies in 30% of draws, fewer preferences in
20%. (Another order of hobbies is no variation here: they are sets.) The day, and so all facts,
stay. `giftrec scenarios describe` measures how often the true label of a variation would differ.
"""

from dataclasses import replace

import numpy as np
from pydantic import Field

from giftrec.columns import Columns, Floats
from reccore.config import Settings


class AugmentSettings(Settings):
    """How far a variation may stray."""

    enabled: bool = Field(True, description="Vary the scenarios from draw to draw.")
    age_years: int = Field(5, ge=0, le=20, description="Age moves by up to this.")
    budget_share: float = Field(0.25, ge=0, lt=1, description="Budget moves by up to this share.")
    hobby_dropout: float = Field(0.30, ge=0, le=1, description="Chance of fewer hobbies.")
    preference_dropout: float = Field(0.20, ge=0, le=1, description="Chance of fewer preferences.")
    youngest: int = Field(16, ge=1, description="Ages stay within these bounds.")
    oldest: int = Field(75, le=120, description="Unless a recipient is beyond them already.")


def augment(columns: Columns, settings: AugmentSettings, draw: np.random.Generator) -> Columns:
    """One variation of each recipient."""
    if not settings.enabled:
        return columns
    count = len(columns)
    years = draw.integers(-settings.age_years, settings.age_years + 1, count)
    low = np.minimum(settings.youngest, columns.age)
    high = np.maximum(settings.oldest, columns.age)
    factor = 1 + settings.budget_share * draw.uniform(-1, 1, count)
    return replace(
        columns,
        age=np.clip(columns.age + years, low, high).astype(np.float32),
        budget=np.maximum(1, np.round(columns.budget * factor)).astype(np.float32),
        hobbies=_fewer(columns.hobbies, settings.hobby_dropout, draw),
        preferences=_fewer(columns.preferences, settings.preference_dropout, draw),
    )


def _fewer(table: Floats, chance: float, draw: np.random.Generator) -> Floats:
    """[N, W] with `chance`, only some of a row's words: from one to all but one."""
    size = table.sum(axis=1)
    kept = np.where(
        draw.random(len(table)) < chance, np.floor(1 + draw.random(len(table)) * (size - 1)), size
    )
    rank = np.argsort(
        np.argsort(np.where(table > 0, draw.random(table.shape), 2.0), axis=1), axis=1
    )
    kept_words: Floats = table * (rank < np.maximum(kept, np.minimum(size, 1))[:, None]).astype(
        np.float32
    )
    return kept_words

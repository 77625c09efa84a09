"""The flags of a training's health, and their thresholds: seeds 003 and 004, number by number.

A default is the seed's figure and says which seed; what the seeds leave open is marked "ours".
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from reccore.config import Settings

Colour = Literal["red", "amber", "green"]
FlagName = Literal[
    "plateau",
    "kl_collapse",
    "gap",
    "gradient_norm",
    "term_collapse",
    "term_not_falling",
    "quality_falling",
    "imbalance",
    "capacity",
    "dropout_against_kl",
    "kl_weight",
    "steady_decrease",
    "quality_steady",
    "balanced",
    "validation_close",
]


class HealthSettings(Settings):
    """Thresholds of the flags. Terms are named as in `loss/<term>`."""

    ignore: tuple[FlagName, ...] = Field((), description="Flags never to raise.")

    plateau_before_epoch: int = Field(20, description="003: 'val loss plateau before epoch 20'.")
    plateau_evaluations: int = Field(
        5, ge=1, description="Evaluations without improvement that make a plateau. Ours."
    )
    min_change: float = Field(
        1e-4, ge=0, description="Relative change that counts as an improvement. Ours."
    )

    kl_floor: float = Field(
        0.01, description="003: 'KL -> 0'. 0.01 is the activity threshold of arXiv:1509.00519."
    )
    kl_records: int = Field(
        2, ge=1, description="Epochs under the floor; a fresh encoder starts near 0. Ours."
    )

    gap_red: float = Field(0.15, description="003: 'train/val gap > 0.15 (overfitting)'.")
    gap_amber: float = Field(0.10, description="003: success is a 'train/val gap < 0.10'.")
    gap_kind: Literal["absolute", "relative"] = Field(
        "absolute",
        description="Gap is val_loss - loss, as in 003, whose losses are below 1; 'relative' "
        "divides it by |loss|, for losses of another size.",
    )

    gradient_norm: float = Field(10.0, description="003: 'gradient norms > 10 (instability)'.")
    gradient_norm_of: Literal["mean", "largest"] = Field(
        "mean", description="Of an epoch's steps, before clipping: a single spike is common. Ours."
    )

    collapse_terms: tuple[str, ...] = Field(("category",), description="004: category loss.")
    collapse_below: float = Field(0.10, description="004: 'category loss < 0.10 ...'.")
    collapse_before_epoch: int = Field(25, description="004: '... before epoch 25'.")

    falling_terms: tuple[str, ...] = Field(
        ("tool", "tool_diversity", "total"),
        description="004: 'tool loss not decreasing'; 'total' is the whole loss.",
    )
    falling_epochs: int = Field(10, ge=1, description="Epochs without a new lowest. Ours.")
    falling_settled: float = Field(
        0.9, description="A loss below this share of its first value may rest. Ours."
    )

    quality_falls: int = Field(3, ge=1, description="004: 'declining for 3+ evaluations'.")

    balance_exempt: tuple[str, ...] = Field(
        ("kl", "l2", "ridge", "regularisation", "embedding_regularisation"),
        description="Terms that are small by design. Ours.",
    )
    balance_low: float = Field(0.05, description="Share of a starved term, of 4 terms. Ours.")
    balance_high: float = Field(0.45, description="Share of a dominant term, of 4 terms. Ours.")
    balanced_from: float = Field(0.15, description="004: 'all losses balanced (0.15-0.30)'.")
    balanced_to: float = Field(0.30, description="004, whose losses are 4: see `shares`.")

    reference_parameters: int | None = Field(
        None, ge=1, description="Parameters of the proven model this one grew from."
    )
    capacity_increase: float = Field(0.5, description="003: '> 50% capacity increase'.")

    high_dropout: float = Field(0.4, description="003: 'high dropout + low KL'; proven was 0.4.")
    low_kl_weight: float = Field(0.01, description="003: proven was 0.01.")
    high_kl_weight: float = Field(0.015, description="003: 'proven instability threshold'.")

    steady_epochs: int = Field(5, ge=2, description="Epochs of gradual decrease. Ours.")
    steady_drop: float = Field(
        0.20,
        description="Largest gradual drop an epoch. 004's collapse, 0.72 to 0.06 in 9 epochs, "
        "lost 0.24 an epoch.",
    )
    steady_rise: float = Field(0.02, description="Rise an epoch that is still noise. Ours.")
    quality_evaluations: int = Field(3, ge=2, description="Evaluations that show a trend. Ours.")
    quality_tolerance: float = Field(0.005, description="Relative loss that is 'stable'. Ours.")


@dataclass(frozen=True)
class Flag:
    """One sign. Amber is a warning below the red threshold (003's gap between 0.10 and 0.15)."""

    name: FlagName
    colour: Colour
    message: str
    epoch: int

    def as_record(self) -> dict[str, str]:
        return {"name": self.name, "colour": self.colour, "message": self.message}

"""Sizes of the integrated model."""

from typing import Self

from pydantic import Field, model_validator

from reccore.config import Settings


class ModelSettings(Settings):
    """Widths and depths. The defaults are the compact preset's."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.width % self.fusion_heads:
            raise ValueError(f"fusion_heads {self.fusion_heads} does not divide width {self.width}")
        return self

    width: int = Field(24, ge=8, description="Width of profile, gift and category vectors.")
    profile_hidden: tuple[int, ...] = Field((96,), description="Hidden layers of the encoder.")
    text_buckets: int = Field(2048, ge=16, description="Rows for hashed words of texts.")
    fusion_layers: int = Field(1, ge=1, description="Rounds of attention from profile to gifts.")
    fusion_heads: int = Field(4, ge=1, description="Heads of that attention.")
    fusion_hidden: int = Field(96, ge=8, description="Hidden width of a round's feed-forward part.")
    tool_hidden: int = Field(64, ge=8, description="Hidden width of the tool selector.")
    ask_above: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="Chance that a tool pays above which it is asked. Below a half: a fact that is "
        "missed costs more than a call that was not needed.",
    )
    reward_hidden: int = Field(16, ge=4, description="Hidden width of the pairwise part.")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="Of expected categories and tools, against memorising them."
    )
    deep_scale: float = Field(
        1.0,
        gt=0,
        description="Size of what the deep parts say beside the plain ones. Wide parts move "
        "further at the same rate, and memorise a hundred scenarios before the plain ones learn.",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout of the encoders.")

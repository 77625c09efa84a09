"""How the agent answers."""

from typing import Literal

from pydantic import Field

from reccore.config import Settings


class AgentSettings(Settings):
    """The defaults are those of the measurements in docs/agent.md."""

    candidates: int = Field(512, ge=1, description="gifts that the model looks at")
    shortlist: int = Field(48, ge=1, le=2000, description="gifts that the tools are asked about")
    reserve: int = Field(7, ge=0, description="gifts beyond the slate that the gate checks too")
    rounds: int = Field(3, ge=1, description="times the gate looks on for gifts that pass")
    tools: Literal["chosen", "all", "none"] = Field(
        "chosen", description="which tools are asked: those the model chooses, all, or none"
    )
    names: bool = Field(True, description="change a slate a little so that more names are true")
    explain: bool = Field(True, description="reasons, and what a little more would change")
    every_day: bool = Field(False, description="deliveries count calendar days, not working days")
    deadline_s: float = Field(0.6, gt=0, description="of one run of tools")

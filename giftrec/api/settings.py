"""What `giftrec serve` can be told beside what every server can."""

from pathlib import Path

from pydantic import Field

from giftrec.agent.settings import AgentSettings
from giftrec.kept import KeptSettings
from giftrec.text.encoder import Wanted
from reccore.serve.settings import ServeSettings
from reccore.serve.work import WorkSettings


class GiftWork(WorkSettings):
    """An answer takes milliseconds, in four stages: more of them may wait than of quick ones."""

    patience_ms: float = Field(500, gt=0, description="in a burst, a longer wait is refused")
    standing_ms: float = Field(250, gt=0, description="the same under standing load")


class GiftSettings(ServeSettings):
    """One replica."""

    catalogue: Path = Field(Path("catalogue"), description="the folder of the live catalogue")
    rates: Path | None = Field(
        None, description="dated exchange rates (JSON), for budgets in other currencies"
    )
    text: Wanted = Field(
        "auto",
        description="what matches free words: minilm (the extra [text]), tfidf, or what there is",
    )
    work: GiftWork = GiftWork()
    kept: KeptSettings = Field(KeptSettings(), description="recommendations that were made")
    agent: AgentSettings = AgentSettings()

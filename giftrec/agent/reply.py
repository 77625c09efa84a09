"""What the agent answers."""

from datetime import date
from typing import Literal

from pydantic import Field

from giftrec.money import Money
from giftrec.schema import Profile, Record, Share

SlotName = Literal["safe", "thoughtful", "splurge", "bargain", "surprise", "also"]
Signal = Literal[
    "hobby", "wish", "preference", "occasion", "relationship", "age",
    "price", "delivery", "reviews", "trend", "budget",
]  # fmt: skip


class Reason(Record):
    """Why a gift is there: a signal, and what the gift would lose without it."""

    signal: Signal
    words: str
    weight: float = Field(description="expected satisfaction that hangs on it")


class Cost(Record):
    """What a gift costs, in the catalogue's money and, where rates are known, the shopper's."""

    total: Money = Field(description="price and fees")
    price: Money
    fees: Money
    fees_stated: bool = Field(description="false: the shop does not state them")
    shop: str | None = Field(description="none: no shop is on record")
    as_of: date | None
    shopper: Money | None = Field(None, description="total in the shopper's currency")
    rates_of: date | None = Field(None, description="the day of the rates used")


class Delivery(Record):
    in_stock: bool | None = Field(description="none: no shop states it")
    arrives: date | None = Field(description="ordered today, at the soonest; none: not known")
    in_time: bool | None
    as_of: date | None


class Opinion(Record):
    """What customers say."""

    rating: float
    count: int
    praised: tuple[str, ...] = ()
    blamed: tuple[str, ...] = ()
    doubt: str | None = None


class Pick(Record):
    """One gift of the slate."""

    rank: int
    slot: SlotName
    gift: str
    title: str
    category: str | None
    cost: Cost
    delivery: Delivery
    opinion: Opinion | None = Field(None, description="where reviews were read")
    expected: Share = Field(description="expected satisfaction")
    reasons: tuple[Reason, ...]


class Alternative(Record):
    """What would change if something did."""

    change: Literal["money", "time", "exclusions"]
    more: Money | None = None
    days: int | None = None
    gift: str
    title: str
    total: Money
    expected: Share | None = Field(None, description="none: not predicted")
    words: str


class ToolUse(Record):
    """One tool, whether it was asked and what came of it."""

    tool: str
    pays: Share = Field(description="predicted chance that asking pays")
    asked: bool
    status: Literal["ok", "empty", "timeout", "error", "stale", "not asked"]
    as_of: date | None = None
    ms: float | None = None
    words: tuple[str, ...] = ()


class Step(Record):
    at_ms: float
    what: str


class Reply(Record):
    """A slate with everything that is to be said of it."""

    profile: Profile = Field(description="as it was understood; the budget in the shopper's money")
    picks: tuple[Pick, ...]
    categories: tuple[str, ...] = Field(description="where the model looked first")
    tools: tuple[ToolUse, ...]
    alternatives: tuple[Alternative, ...] = ()
    notes: tuple[str, ...] = ()
    degraded: tuple[str, ...] = Field((), description="what did not answer as it should")
    text_by: str | None = Field(None, description="what matched free words, if there were any")
    catalogue: str = Field(description="fingerprint of the snapshot that answered")
    as_of: date = Field(description="the day of that snapshot")
    trace: tuple[Step, ...] = ()

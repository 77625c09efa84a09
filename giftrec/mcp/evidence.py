"""The agent's five tools, asked by hand: what gifts cost, whether they are there, what people say.

They go through the runner that the agent uses: time limits, retries and circuit breakers hold, and
an answer that did not come in time is told as such.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field, ValidationError

from giftrec.agent.agent import Agent
from giftrec.mcp.fields import AMOUNT, Amount, Day, GiftId, Gifts
from giftrec.mcp.findings import (
    Name,
    said_of_budget,
    said_of_prices,
    said_of_reviews,
    said_of_stock,
    said_of_trends,
)
from giftrec.mcp.plain import bullets, one_line
from giftrec.mcp.shared import Shared, known
from giftrec.mcp.tool import Answer, Asked, Tell, Tool, mistakes
from giftrec.money import Money
from giftrec.schema import Record
from giftrec.tools.budget import MOST, BudgetPlan, BudgetRequest
from giftrec.tools.envelope import Status
from giftrec.tools.prices import PriceComparison, PriceRequest
from giftrec.tools.results import Request, Result
from giftrec.tools.reviews import ReviewAnalysis, ReviewRequest
from giftrec.tools.stock import InventoryCheck, StockRequest
from giftrec.tools.trends import TrendAnalysis, TrendRequest
from reccore.errors import UserError

R = TypeVar("R", bound=Result)
DEADLINE_S = 2.0  # an assistant waits longer than a page
WORDS = {
    "timeout": "did not answer in time: ask again, or go on without it",
    "error": "failed",
    "empty": "has nothing on record about these gifts",
}


class AskedOfGifts(Asked):
    gifts: Gifts
    on: Day = None


class AskedPrices(AskedOfGifts):
    currency: Annotated[
        str | None,
        Field(pattern="^[A-Z]{3}$", description="to compare in; none: the catalogue's own"),
    ] = None


class AskedStock(AskedOfGifts):
    needed_by: Annotated[date, Field(description="the day by which gifts must be there")]
    pieces: Annotated[int, Field(ge=1, le=1000, description="how many of each")] = 1


class AskedBudget(AskedOfGifts):
    budget: Annotated[Amount, Field(description=f"for all gifts together: {AMOUNT}")]
    values: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1000)], ...] | None,
        Field(
            max_length=50,
            description="what each gift is worth, e.g. `expected`, in the order of `gifts`;"
            " none: all the same",
        ),
    ] = None
    fewest: Annotated[int, Field(ge=1, le=MOST, description="gifts of the set, at least")] = 1
    most: Annotated[int, Field(ge=1, le=MOST, description="gifts of the set, at most")] = 1
    forced: Annotated[
        tuple[GiftId, ...], Field(max_length=MOST, description="gifts that must be in the set")
    ] = ()
    forbidden: Annotated[
        tuple[GiftId, ...], Field(max_length=50, description="gifts that must not be")
    ] = ()
    more: Annotated[
        Amount | None, Field(description=f"what would this much more buy? {AMOUNT}")
    ] = None


class Evidence(Record, Generic[R]):
    """What a tool found, or why there is nothing."""

    status: Status = Field(description="stale: it answered, from facts older than its limit")
    as_of: date | None = Field(description="the day of the facts")
    ms: float
    attempts: int = Field(description="0: it was left alone after repeated failures")
    words: tuple[str, ...] = Field((), description="what a reader should know of it")
    data: R | None


@dataclass(frozen=True)
class Kind:
    """One of the five."""

    name: str
    title: str
    description: str
    asked: type[AskedOfGifts]
    result: type[Result]
    request: Callable[[Any, date, Agent], Request]
    words: Callable[[Any, Name], list[str]]


def evidence_tools(shared: Shared) -> tuple[Tool, ...]:
    return tuple(_tool(kind, shared) for kind in KINDS)


def _tool(kind: Kind, shared: Shared) -> Tool:
    answered = Evidence[kind.result]  # type: ignore[name-defined]

    async def answer(asked: AskedOfGifts, tell: Tell) -> Answer:
        agent = shared.agent()
        known(asked.gifts, agent)
        try:
            request = kind.request(asked, asked.on or shared.today(), agent)
        except ValidationError as error:
            raise mistakes(error, kind.asked) from None
        await tell(f"asking {kind.name}")
        run = await agent.runner.run({kind.name: request}, DEADLINE_S)
        envelope = run.envelopes[kind.name]
        found = answered(
            status=envelope.status,
            as_of=envelope.as_of,
            ms=envelope.ms,
            attempts=envelope.attempts,
            words=envelope.words,
            data=envelope.data,
        )
        failed = envelope.status in ("timeout", "error")
        lines = [f"{kind.name} {WORDS[envelope.status]}"] if envelope.status in WORDS else []
        if envelope.data is not None:
            titles = _Titles(agent)
            lines += [f"as of {envelope.as_of}:"] if envelope.as_of else []
            lines += kind.words(envelope.data, titles)
        lines += bullets("To know:", envelope.words)
        return Answer(found, "\n".join(lines), failed)

    return Tool(kind.name, kind.title, kind.description, kind.asked, answered, answer)


class _Titles:
    """A gift as a line names it."""

    def __init__(self, agent: Agent) -> None:
        self._snapshot = agent.front.snapshot

    def __call__(self, gift: str) -> str:
        number = self._snapshot.index[gift]
        return f"{one_line(str(self._snapshot.gifts['title'][number]), 60)} [{gift}]"


def _prices(asked: AskedPrices, on: date, agent: Agent) -> PriceRequest:
    ours = agent.front.snapshot.currency
    currency = asked.currency or ours
    if currency != ours:
        if agent.rates is None:
            raise UserError(
                f"currency: prices are in {ours}, and no rates for {currency} are known",
                f"ask in {ours}",
            )
        agent.rates.convert(Money(minor=0, currency=ours), currency)
    return PriceRequest(gifts=asked.gifts, on=on, currency=currency, rates=agent.rates)


def _stock(asked: AskedStock, on: date, agent: Agent) -> StockRequest:
    return StockRequest(gifts=asked.gifts, on=on, needed_by=asked.needed_by, pieces=asked.pieces)


def _reviews(asked: AskedOfGifts, on: date, agent: Agent) -> ReviewRequest:
    return ReviewRequest(gifts=asked.gifts, on=on)


def _trends(asked: AskedOfGifts, on: date, agent: Agent) -> TrendRequest:
    return TrendRequest(gifts=asked.gifts, on=on)


def _budget(asked: AskedBudget, on: date, agent: Agent) -> BudgetRequest:
    return BudgetRequest(
        gifts=asked.gifts,
        on=on,
        values=asked.values if asked.values is not None else (1.0,) * len(asked.gifts),
        budget=Money.parse(asked.budget, "budget"),
        rates=agent.rates,
        fewest=asked.fewest,
        most=max(asked.most, asked.fewest),
        forced=asked.forced,
        forbidden=asked.forbidden,
        more=None if asked.more is None else Money.parse(asked.more, "more"),
    )


KINDS = (
    Kind(
        "price_comparison",
        "Compare prices",
        "What gifts cost with all fees, shop by shop, how that compares with their price history,"
        " and which offers look wrong.",
        AskedPrices,
        PriceComparison,
        _prices,
        said_of_prices,
    ),
    Kind(
        "inventory_check",
        "Check stock and delivery",
        "Which shops have gifts in stock, when they would be there, and by when to order them for"
        " the day they are needed.",
        AskedStock,
        InventoryCheck,
        _stock,
        said_of_stock,
    ),
    Kind(
        "review_analysis",
        "Read reviews",
        "What customers say of gifts, aspect by aspect, with a rating that trusts few reviews less"
        " and tells which look dishonest.",
        AskedOfGifts,
        ReviewAnalysis,
        _reviews,
        said_of_reviews,
    ),
    Kind(
        "trend_analyzer",
        "Look for trends",
        "Whether gifts come into fashion or go out of it. It says `no trend` wherever a trend would"
        " not have foretold the last weeks better than no trend.",
        AskedOfGifts,
        TrendAnalysis,
        _trends,
        said_of_trends,
    ),
    Kind(
        "budget_optimizer",
        "Spend a budget",
        "The gift, or the set of gifts, that is worth most within a budget: exact, all fees"
        " included. It also tells what a little more money would buy.",
        AskedBudget,
        BudgetPlan,
        _budget,
        said_of_budget,
    ),
)

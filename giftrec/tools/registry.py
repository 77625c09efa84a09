"""The tools by name: what they are asked, how long they may take, how old their facts may be."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from giftrec.tools.budget import BudgetRequest, budget_optimizer
from giftrec.tools.prices import PriceRequest, price_comparison
from giftrec.tools.provider import Provider
from giftrec.tools.results import Request, Result
from giftrec.tools.reviews import ReviewRequest, review_analysis
from giftrec.tools.sentiment import Reader
from giftrec.tools.stock import StockRequest, inventory_check
from giftrec.tools.trends import TrendRequest, trend_analyzer


@dataclass(frozen=True)
class Tool:
    """One tool. `answer` may block: it runs in a thread of the tool's own."""

    name: str
    request: type[Request]
    answer: Callable[[Any, Provider], Result]
    fresh_days: int | None  # facts older than this are stale; None: they do not age
    timeout_s: float = 0.4
    idempotent: bool = True  # asking twice does no harm, so it may be tried again


def default_tools(reader: Reader | None = None) -> tuple[Tool, ...]:
    """The five tools over a catalogue. `reader` reads stars out of the words of reviews."""
    reviews = partial(review_analysis, reader=reader)
    return (
        Tool("price_comparison", PriceRequest, price_comparison, fresh_days=7),
        Tool("review_analysis", ReviewRequest, reviews, fresh_days=None),
        Tool("inventory_check", StockRequest, inventory_check, fresh_days=2),
        Tool("trend_analyzer", TrendRequest, trend_analyzer, fresh_days=28),
        Tool("budget_optimizer", BudgetRequest, budget_optimizer, fresh_days=7),
    )

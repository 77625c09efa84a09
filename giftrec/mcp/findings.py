"""What the five tools found, in a line a gift."""

from collections.abc import Callable

from giftrec.mcp.plain import one_line
from giftrec.tools.budget import BudgetPlan, GiftSet
from giftrec.tools.prices import PriceComparison
from giftrec.tools.reviews import ReviewAnalysis
from giftrec.tools.stock import InventoryCheck
from giftrec.tools.trends import TrendAnalysis

Name = Callable[[str], str]
"""A gift's id as a reader wants to see it."""


def said_of_prices(found: PriceComparison, name: Name) -> list[str]:
    lines = []
    for gift in found.gifts:
        best = gift.best
        if best is None:
            lines.append(f"{name(gift.gift)}: no offer that can be trusted")
            continue
        others = len(gift.offers) - 1
        history = gift.history
        against = "" if history is None else f", {history.against_median:+.0%} against its median"
        more = f", {others} more offers" if others else ""
        lines.append(
            f"{name(gift.gift)}: {best.landed} at {one_line(best.shop, 60)}{against}{more}"
        )
    return lines


def said_of_stock(found: InventoryCheck, name: Name) -> list[str]:
    in_time = {True: "in time", False: "too late", None: "cannot be told whether in time"}
    stock = {True: "in stock", False: "out of stock", None: "stock not stated"}
    lines = []
    for gift in found.gifts:
        there = f", there on {gift.soonest}" if gift.soonest else ""
        order = f", order by {gift.order_by}" if gift.order_by else ""
        lines.append(
            f"{name(gift.gift)}: {stock[gift.in_stock]}, {in_time[gift.in_time]}{there}{order}"
        )
    return lines


def said_of_reviews(found: ReviewAnalysis, name: Name) -> list[str]:
    lines = []
    for gift in found.gifts:
        if not gift.count:
            lines.append(f"{name(gift.gift)}: no reviews")
            continue
        rating = f"{gift.rating_without_suspicious:.1f} of 5 from {gift.count} reviews"
        good = [aspect.name for aspect in gift.aspects if aspect.good > aspect.bad]
        bad = [aspect.name for aspect in gift.aspects if aspect.bad > aspect.good]
        praised = f", praised: {', '.join(good)}" if good else ""
        blamed = f", blamed: {', '.join(bad)}" if bad else ""
        doubt = f", suspicious: {len(gift.suspicions)}" if gift.suspicions else ""
        lines.append(f"{name(gift.gift)}: {rating}{praised}{blamed}{doubt}")
    return lines


def said_of_trends(found: TrendAnalysis, name: Name) -> list[str]:
    lines = []
    for gift in found.gifts:
        sure = gift.growth is not None and gift.trend in ("rising", "falling")
        grown = f", {gift.growth.weekly:+.1%} a week" if gift.growth and sure else ""
        lines.append(f"{name(gift.gift)}: {gift.trend}{grown}")
    return lines


def said_of_budget(found: BudgetPlan, name: Name) -> list[str]:
    def said(what: str, chosen: GiftSet | None) -> list[str]:
        if chosen is None:
            return []
        gifts = ", ".join(f"{name(one.gift)} {one.landed}" for one in chosen.gifts)
        over = f", {chosen.over} over the budget" if chosen.over else ""
        return [f"{what}: {gifts}; together {chosen.total}{over}"]

    best = said("best", found.best) or [f"nothing fits {found.budget}"]
    return [
        *best,
        *said("with more", found.with_more),
        *said("next better", found.next_better),
        *said("cheapest", found.cheapest),
    ]

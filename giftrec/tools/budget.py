"""budget_optimizer: the gift, or the set of gifts, that is worth most within the budget.

Amounts are integer minor units and values millionths, so the answer is exact: no set within the
budget is worth more. It also says what a little more money would buy, and, where nothing fits, what
the cheapest alternative costs.
"""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from giftrec.money import Money, RateTable
from giftrec.schema import Id, Record
from giftrec.tools.knapsack import Best, Fronts, Item, cheapest
from giftrec.tools.prices import GiftPrices, PriceRequest, price_comparison
from giftrec.tools.provider import Provider
from giftrec.tools.results import Request, Result
from giftrec.tools.tables import Rows
from reccore.errors import UserError

MILLIONTHS = 1_000_000
MOST = 5
REACH = 1.5  # the next better set is looked for up to this share of the budget


class BudgetRequest(Request):
    values: Annotated[tuple[Annotated[float, Field(ge=0, le=1000)], ...], Field(max_length=2000)]
    budget: Money
    rates: RateTable | None = None
    fewest: int = Field(1, ge=1, le=MOST)
    most: int = Field(1, ge=1, le=MOST)
    forced: tuple[Id, ...] = Field((), max_length=MOST, description="must be in the set")
    forbidden: tuple[Id, ...] = Field((), description="must not be")
    more: Money | None = Field(None, description="what would this much more buy?")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(self.values) != len(self.gifts):
            raise ValueError(f"{len(self.values)} values for {len(self.gifts)} gifts")
        if len(set(self.gifts)) < len(self.gifts):
            raise ValueError("gifts names one twice")
        if self.fewest > self.most:
            raise ValueError(f"fewest {self.fewest} is above most {self.most}")
        if self.budget.minor <= 0 or (self.more is not None and self.more.minor <= 0):
            raise ValueError("budget and more must be above 0")
        if self.more is not None and self.more.currency != self.budget.currency:
            raise ValueError(f"more is in {self.more.currency}, budget in {self.budget.currency}")
        if both := set(self.forced) & set(self.forbidden):
            raise ValueError(f"{', '.join(sorted(both))}: forced and forbidden")
        if strangers := set(self.forced) - set(self.gifts):
            raise ValueError(f"{', '.join(sorted(strangers))}: forced, but not among the gifts")
        if len(set(self.forced)) < len(self.forced) or len(self.forced) > self.most:
            raise ValueError(f"{len(self.forced)} forced gifts in a set of at most {self.most}")
        return self


class Chosen(Record):
    gift: str
    shop: str
    category: str
    landed: Money
    fees_stated: bool = Field(description="false: fees may come on top")
    value: float


class GiftSet(Record):
    gifts: tuple[Chosen, ...]
    total: Money
    value: float
    over: Money | None = Field(None, description="what it costs beyond the budget")


class BudgetPlan(Result):
    budget: Money
    best: GiftSet | None = Field(description="none: nothing fits")
    with_more: GiftSet | None = Field(None, description="what `more` would buy, where that is more")
    next_better: GiftSet | None = Field(
        None, description="what the least extra money buys that is worth more, to 1.5 budgets"
    )
    cheapest: GiftSet | None = Field(None, description="where nothing fits")
    considered: int
    left_out: Mapping[str, str] = Field(description="gift -> why it could not be chosen")


def budget_optimizer(request: BudgetRequest, provider: Provider) -> BudgetPlan:
    asked = PriceRequest(
        gifts=request.gifts,
        on=request.on,
        currency=request.budget.currency,
        rates=request.rates,
    )
    prices = price_comparison(asked, provider)
    about = provider.rows("gifts", request.gifts)
    shelf = _Shelf(request, prices.gifts, about)
    plan = shelf.plan()
    return plan.model_copy(update={"as_of": prices.as_of, "rows": prices.rows})


class _Shelf:
    """The gifts that may be chosen, as items; forced ones are bought first."""

    def __init__(self, request: BudgetRequest, prices: tuple[GiftPrices, ...], about: Rows) -> None:
        self.request, self.prices, self.about = request, prices, about
        self.left_out: dict[str, str] = {}
        self.places = [nth for nth in range(len(prices)) if self._may(nth)]
        forced = set(request.forced)
        self.forced = [nth for nth in self.places if prices[nth].gift in forced]
        self.missing = forced - {prices[nth].gift for nth in self.forced}
        taken = [self.category(nth) for nth in self.forced]
        if len(set(taken)) < len(taken):
            raise UserError(
                "two forced gifts are of one category", "a set has at most one a category"
            )
        self.free = [
            nth
            for nth in self.places
            if prices[nth].gift not in forced and self.category(nth) not in taken
        ]
        codes: dict[str, int] = {}
        self.items = [self._item(nth, codes) for nth in self.free]

    def _may(self, nth: int) -> bool:
        gift = self.prices[nth]
        if gift.gift in self.request.forbidden:
            self.left_out[gift.gift] = "excluded"
        elif not self.about.of(nth):
            self.left_out[gift.gift] = "not in the catalogue"
        elif gift.best is None:
            self.left_out[gift.gift] = gift.words[-1] if gift.words else "no offer on record"
        return gift.gift not in self.left_out

    def category(self, nth: int) -> str:
        """A gift without a category shares it with no other."""
        return self.about.texts["category"][self.about.starts[nth]] or self.prices[nth].gift

    def _item(self, nth: int, codes: dict[str, int]) -> Item:
        code = codes.setdefault(self.category(nth), len(codes))
        return Item(self.cost(nth), self.value(nth), code)

    def cost(self, nth: int) -> int:
        best = self.prices[nth].best
        assert best is not None
        return best.landed.minor

    def value(self, nth: int) -> int:
        return round(self.request.values[nth] * MILLIONTHS)

    def plan(self) -> BudgetPlan:
        request, budget = self.request, self.request.budget.minor
        plan = BudgetPlan(
            as_of=None,
            rows=0,
            budget=request.budget,
            best=None,
            considered=len(self.items) + len(self.forced),
            left_out=self.left_out,
        )
        if self.missing:
            why = tuple(f"{gift}: {self.left_out[gift]}" for gift in sorted(self.missing))
            return plan.model_copy(update={"words": why})
        spent = sum(map(self.cost, self.forced))
        fewest = max(request.fewest - len(self.forced), 0)
        most = request.most - len(self.forced)
        extra = request.more.minor if request.more else 0
        reach = max(budget - spent + extra, int(REACH * budget) - spent)
        fronts = Fronts(self.items, most, reach)
        best = fronts.best(fewest, most, budget - spent)
        if best is None:
            return plan.model_copy(update=self._nothing_fits(fewest))
        update: dict[str, object] = {}
        better = fronts.next_better(fewest, most, budget - spent, best.value)
        update["next_better"] = None if better is None else self._set(better)
        chosen = self._set(best)
        silent = sum(not gift.fees_stated for gift in chosen.gifts)
        words = [f"{silent} of the gifts chosen state no fees: it may cost more"] if silent else []
        update["best"] = chosen
        if request.more is not None:
            richer = fronts.best(fewest, most, budget - spent + request.more.minor)
            if richer is not None and richer.value > best.value:
                update["with_more"] = self._set(richer)
            else:
                words.append(f"{request.more} more would buy nothing of more value")
        return plan.model_copy(update=update | {"words": tuple(words)})

    def _nothing_fits(self, fewest: int) -> dict[str, object]:
        least = cheapest(self.items, fewest)
        if least is None:
            words = f"there are not {self.request.fewest} gifts of different categories to be had"
            return {"words": (words,)}
        alternative = self._set(least)
        words = f"nothing fits {self.request.budget}: the cheapest costs {alternative.total}"
        return {"cheapest": alternative, "words": (words,)}

    def _set(self, best: Best) -> GiftSet:
        currency, budget = self.request.budget.currency, self.request.budget.minor
        places = sorted([*self.forced, *(self.free[i] for i in best.items)])
        total = sum(map(self.cost, places))
        return GiftSet(
            gifts=tuple(self._chosen(nth) for nth in places),
            total=Money(minor=total, currency=currency),
            value=sum(map(self.value, places)) / MILLIONTHS,
            over=Money(minor=total - budget, currency=currency) if total > budget else None,
        )

    def _chosen(self, nth: int) -> Chosen:
        best = self.prices[nth].best
        assert best is not None
        return Chosen(
            gift=self.prices[nth].gift,
            shop=best.shop,
            category=self.category(nth),
            landed=best.landed,
            fees_stated=best.fees_stated,
            value=self.value(nth) / MILLIONTHS,
        )

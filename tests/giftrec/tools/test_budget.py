from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.optimize import Bounds, LinearConstraint, milp
from shelf import TODAY, Shelf

from giftrec.money import Money
from giftrec.tools.budget import BudgetRequest, budget_optimizer
from giftrec.tools.knapsack import Fronts, Item, cheapest
from reccore.errors import UserError

items = st.lists(
    st.builds(Item, st.integers(0, 60), st.integers(0, 40), st.integers(0, 4)), max_size=9
)


def allowed(some, fewest, most):
    """Every set of allowed size with one item a category at most."""
    for size in range(fewest, most + 1):
        for chosen in combinations(range(len(some)), size):
            if len({some[i].category for i in chosen}) == size:
                yield chosen, sum(some[i].cost for i in chosen), sum(some[i].value for i in chosen)


@given(items, st.integers(0, 4), st.integers(0, 4), st.integers(-5, 150))
def test_no_set_within_the_budget_is_worth_more(some, fewest, extra, budget):
    most = fewest + extra
    best = Fronts(some, most, 200).best(fewest, most, budget)
    fitting = [(v, -c) for _, c, v in allowed(some, fewest, most) if c <= budget]
    assert (None if best is None else (best.value, -best.cost)) == max(fitting, default=None)
    if best is not None:
        assert best.cost == sum(some[i].cost for i in best.items)
        assert best.value == sum(some[i].value for i in best.items)
        assert fewest <= len(best.items) <= most
        assert len({some[i].category for i in best.items}) == len(best.items)


@given(items, st.integers(1, 3), st.integers(0, 80))
def test_the_next_better_set_costs_least_of_all_better_ones(some, most, budget):
    fronts = Fronts(some, most, 10_000)
    best = fronts.best(1, most, budget)
    than = -1 if best is None else best.value
    better = fronts.next_better(1, most, budget, than)
    dearer = [(c, -v) for _, c, v in allowed(some, 1, most) if c > budget and v > than]
    assert (None if better is None else (better.cost, -better.value)) == min(dearer, default=None)


@given(items, st.integers(1, 3))
def test_the_cheapest_set_is_the_cheapest(some, size):
    found = cheapest(some, size)
    costs = [c for _, c, _ in allowed(some, size, size)]
    assert (None if found is None else found.cost) == min(costs, default=None)


def highs(some, fewest, most, budget):
    """The same problem as a mixed-integer program."""
    cost = np.array([i.cost for i in some], dtype=float)
    value = np.array([i.value for i in some], dtype=float)
    category = np.array([i.category for i in some])
    one_each = [(category == c).astype(float) for c in set(category.tolist())]
    rows = np.array([cost, np.ones(len(some)), *one_each])
    low = [0, fewest, *([0] * len(one_each))]
    high = [budget, most, *([1] * len(one_each))]
    found = milp(
        -value,
        constraints=LinearConstraint(rows, low, high),
        integrality=np.ones(len(some)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0},
    )
    return None if found.x is None else round(-found.fun)


@pytest.mark.parametrize("seed", range(40))
def test_highs_finds_nothing_better(seed):
    draw = np.random.default_rng(seed)
    count, categories = int(draw.integers(5, 120)), int(draw.integers(1, 14))
    some = [
        Item(int(c), int(v), int(k))
        for c, v, k in zip(
            draw.integers(300, 15_000, count),
            draw.integers(0, 1_000_000, count),
            draw.integers(0, categories, count),
            strict=True,
        )
    ]
    fewest = int(draw.integers(1, 4))
    most, budget = fewest + int(draw.integers(0, 3)), int(draw.integers(1000, 30_000))
    best = Fronts(some, most, budget).best(fewest, most, budget)
    assert (None if best is None else best.value) == highs(some, fewest, most, budget)


def test_amounts_that_integers_cannot_hold_are_refused():
    with pytest.raises(OverflowError):
        Fronts([Item(2**61, 1, 0), Item(2**61, 1, 1)], 2, 5)
    with pytest.raises(ValueError, match="less than nothing"):
        Fronts([Item(-1, 1, 0)], 1, 5)


# ---- the tool

VALUES = {"a": 0.5, "b": 0.6, "c": 0.4, "d": 0.9}


def shelf() -> Shelf:
    """a and b are books, c a game, d costs most; fees count."""
    return (
        Shelf()
        .gift("a", "books")
        .gift("b", "books")
        .gift("c", "games")
        .gift("d", "music")
        .offer("a", "s", 1000, 200)
        .offer("b", "s", 1500)
        .offer("c", "s", 900)
        .offer("d", "s", 5000)
    )


def plan(on_shelf=None, budget=30, **more):
    gifts = more.pop("gifts", tuple(VALUES))
    request = BudgetRequest(
        gifts=gifts,
        on=TODAY,
        values=tuple(VALUES.get(g, 0.1) for g in gifts),
        budget=Money.parse(f"{budget}EUR"),
        **more,
    )
    return budget_optimizer(request, (on_shelf or shelf()).provider())


def names(chosen) -> list[str]:
    return [gift.gift for gift in chosen.gifts]


def test_a_single_gift_and_a_set():
    assert names(plan().best) == ["b"]
    both = plan(most=3)
    assert names(both.best) == ["b", "c"]  # a and b are both books
    assert both.best.total == Money(minor=2400, currency="EUR")
    assert both.best.value == pytest.approx(1.0)
    assert (both.as_of, both.considered) == (TODAY, 4)


def test_what_more_money_would_buy():
    richer = plan(budget=40, more=Money.parse("15EUR"))
    assert names(richer.best) == ["b"]
    assert names(richer.with_more) == ["d"]
    assert richer.with_more.over == Money(minor=1000, currency="EUR")
    assert names(richer.next_better) == ["d"]
    none = plan(budget=30, more=Money.parse("5EUR"))
    assert none.with_more is None
    assert "5.00 EUR more would buy nothing of more value" in none.words


def test_where_nothing_fits_the_cheapest_alternative_is_told():
    poor = plan(budget=5)
    assert poor.best is None
    assert names(poor.cheapest) == ["c"]
    assert poor.cheapest.over == Money(minor=400, currency="EUR")
    assert "nothing fits 5.00 EUR: the cheapest costs 9.00 EUR" in poor.words
    assert names(plan(budget=5, fewest=2, most=2).cheapest) == ["a", "c"]
    many = plan(budget=500, fewest=4, most=5)
    assert "not 4 gifts of different categories" in many.words[0]


def test_forced_and_forbidden():
    forced = plan(budget=70, most=2, forced=("a",))
    assert names(forced.best) == ["a", "d"]
    without = plan(budget=70, most=2, forbidden=("d",))
    assert names(without.best) == ["b", "c"]
    assert without.left_out == {"d": "excluded"}
    dear = plan(budget=20, most=2, forced=("d",))
    assert dear.best is None
    assert names(dear.cheapest) == ["d"]


def test_two_forced_gifts_of_one_category_are_refused():
    with pytest.raises(UserError, match="of one category"):
        plan(most=2, forced=("a", "b"))


def test_what_cannot_be_had_is_left_out_and_said():
    on_shelf = shelf().gift("e").gift("f").offer("f", "s", 100, stock=0)
    result = plan(on_shelf, gifts=("a", "e", "f", "nowhere"))
    assert result.left_out == {
        "e": "no offer on record",
        "f": "no shop has it in stock",
        "nowhere": "not in the catalogue",
    }
    forced = plan(on_shelf, gifts=("a", "f"), forced=("f",))
    assert forced.best is None
    assert forced.words == ("f: no shop has it in stock",)


def test_fees_that_are_not_stated_are_said():
    on_shelf = Shelf().gift("a").offer("a", "s", 1000, None)
    result = plan(on_shelf, gifts=("a",))
    assert not result.best.gifts[0].fees_stated
    assert result.words == ("1 of the gifts chosen state no fees: it may cost more",)


def test_gifts_without_a_category_share_none():
    on_shelf = Shelf().gift("a", None).gift("b", None).offer("a", "s", 10).offer("b", "s", 10)
    assert names(plan(on_shelf, gifts=("a", "b"), most=2).best) == ["a", "b"]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"fewest": 3, "most": 2}, "fewest 3 is above most 2"),
        ({"forced": ("a",), "forbidden": ("a",)}, "forced and forbidden"),
        ({"forced": ("x",)}, "not among the gifts"),
        ({"forced": ("a", "c")}, "in a set of at most 1"),
        ({"more": Money(minor=5, currency="USD")}, "USD"),
        ({"gifts": ("a", "a")}, "twice"),
    ],
)
def test_requests_that_contradict_themselves_are_refused(more, problem):
    with pytest.raises(ValidationError, match=problem):
        plan(**more)

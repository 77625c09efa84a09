"""Cards and what stands around them: what is known in words, and what is not known said."""

from datetime import date

import pytest

from giftrec.agent.reply import Alternative, Cost, Delivery, Opinion, Pick, Reason, Reply, ToolUse
from giftrec.money import Money, RateTable
from giftrec.schema import Profile
from giftrec.vocabulary import default_vocabulary
from giftrec.web import view
from giftrec.web.asked import Asked
from giftrec.web.basket import Basket
from giftrec.web.cards import Card, Cards
from giftrec.web.words import words_of

EN, DE = words_of("en"), words_of("de")
DAY = date(2026, 11, 21)
ASKED = Asked(budget=Money(minor=6000, currency="EUR"), by=date(2026, 11, 27))
RATES = RateTable(on=DAY, base="EUR", rates={"USD": 0.5})


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def pick(**changes: object) -> Pick:
    facts: dict[str, object] = {
        "rank": 1,
        "slot": "safe",
        "gift": "vase",
        "title": "Vase",
        "category": "home_decor",
        "cost": Cost(
            total=eur(2450), price=eur(2000), fees=eur(450), fees_stated=True, shop="Papermoon",
            as_of=DAY,
        ),
        "delivery": Delivery(in_stock=True, arrives=date(2026, 11, 24), in_time=True, as_of=DAY),
        "opinion": Opinion(rating=4.36, count=5, praised=("quality", "value"), blamed=("size",)),
        "expected": 0.5,
        "reasons": (Reason(signal="preference", words="eco friendly", weight=0.1),),
    }  # fmt: skip
    return Pick(**{**facts, **changes})  # type: ignore[arg-type]


def card(one: Pick, rated: tuple[float, int] | None = None, german: bool = False) -> Card:
    ratings = {} if rated is None else {one.gift: rated}
    words = DE if german else EN
    return Cards(words, default_vocabulary(), ratings).of(one, ASKED, Basket())


def test_a_card_says_all_that_is_known() -> None:
    found = card(pick())
    assert (found.slot_name, found.category) == ("Safe", "home décor")
    assert found.price.shown == "€24.50"
    assert (found.price.shop, found.price.parts) == ("at Papermoon", "€20.00 and €4.50 fees")
    assert found.price.as_of == "as of 21 Nov 2026"
    assert found.stock == "in stock; there by Tue 24 Nov if ordered today"
    assert (found.stars, found.reviews) == ("4.4", "5 reviews")
    assert found.opinion == ("praised for quality and value for money", "criticised for size")
    assert [one.text for one in found.reasons] == ["eco-friendly"]
    assert [one.text for one in card(pick(), german=True).reasons] == ["umweltfreundlich"]


def test_what_is_not_known_is_said() -> None:
    bare = Cost(
        total=eur(100), price=eur(100), fees=eur(0), fees_stated=False, shop=None, as_of=None
    )
    nothing = Delivery(in_stock=None, arrives=None, in_time=None, as_of=None)
    found = card(pick(cost=bare, delivery=nothing, opinion=None, category=None))
    assert found.price.shop == "no shop on record: the listed price"
    assert found.price.parts == "the shop does not state its fees"
    assert found.stock == "no shop states its stock; delivery time not stated"
    assert (found.stars, found.reviews) == ("", "no reviews yet")
    assert found.category == ""


def test_reviews_that_were_not_read_are_counted_all_the_same() -> None:
    found = card(pick(opinion=None), (3.21, 7))
    assert (found.stars, found.reviews) == ("3.2", "7 ratings, not read for this answer")


def test_doubtful_reviews_are_named() -> None:
    doubt = "far more in a week than would come by chance"
    opinion = Opinion(rating=4.0, count=9, doubt=doubt)
    assert doubt in card(pick(opinion=opinion)).doubt
    assert "Zufall" in card(pick(opinion=opinion), german=True).doubt


def test_the_shoppers_money_comes_first_with_the_original_beside() -> None:
    cost = Cost(
        total=eur(2450), price=eur(2000), fees=eur(450), fees_stated=True, shop="P", as_of=DAY,
        shopper=Money(minor=2663, currency="USD"), rates_of=DAY,
    )  # fmt: skip
    found = card(pick(cost=cost))
    assert (found.price.shown, found.price.original) == ("$26.63", "€24.50")
    assert found.price.rate == "at the rate of 21 Nov 2026"
    assert found.amount == "2663USD"


def reply(*alternatives: Alternative, picks: tuple[Pick, ...] = ()) -> Reply:
    profile = Profile(
        age=30, hobbies=(), relationship="friend", occasion="birthday", budget=eur(6000)
    )
    uses = (
        ToolUse(tool="price_comparison", pays=0.9, asked=True, status="ok", as_of=DAY),
        ToolUse(tool="review_analysis", pays=0.1, asked=False, status="not asked"),
    )
    return Reply(
        profile=profile, picks=picks, categories=(), tools=uses, alternatives=alternatives,
        catalogue="x", as_of=DAY,
    )  # fmt: skip


MORE = Alternative(
    change="money", more=eur(1500), gift="g", title="Kettle", total=eur(7450), words="with ..."
)
LATER = Alternative(change="time", days=2, gift="g", title="Kettle", total=eur(100), words="...")


def test_with_a_little_more_money() -> None:
    (found,) = view.changes(reply(MORE, picks=(pick(),)), ASKED, None, EN)
    assert found.words.text == "With €15 more: Kettle, €74.50 in all"
    assert "budget=75" in found.address


def test_with_more_of_the_shoppers_own_money() -> None:
    asked = Asked(budget=Money(minor=12000, currency="USD"), currency="USD")
    (found,) = view.changes(reply(MORE, picks=(pick(),)), asked, RATES, EN)
    assert found.words.text == "With $29 more: Kettle, $149.00 in all"
    assert "budget=149&cur=USD" in found.address
    (plain,) = view.changes(reply(MORE, picks=(pick(),)), asked, None, EN)
    assert plain.address == ""  # no rate: no link that would be wrong


def test_with_more_time() -> None:
    (found,) = view.changes(reply(LATER, picks=(pick(),)), ASKED, None, EN)
    assert found.words.text == "With 2 days more: Kettle, there by Sun 29 Nov"
    assert "by=2026-11-29" in found.address


def test_where_nothing_fits_the_cheapest_is_named() -> None:
    (found,) = view.changes(reply(MORE), ASKED, None, EN)
    assert found.words.text.startswith("The cheapest that is to be had: Kettle, €74.50.")


def test_tools_and_what_came_of_them() -> None:
    asked, left = view.tools(reply(), EN)
    assert (asked.name, asked.came) == (
        "Comparing prices",
        "asked, answered, as of 21 Nov 2026",
    )
    assert left.came == "not worth asking here"


@pytest.mark.parametrize(
    ("minor", "left", "over"),
    [(1000, "€50.00 of €60 left", False), (7000, "€10.00 over the budget of €60", True)],
)
def test_what_is_left_of_the_budget(minor: int, left: str, over: bool) -> None:
    basket = Basket().put("g", eur(minor))
    found = view.bill(basket, {"g": "Kettle"}, ASKED, None, EN)
    assert found is not None
    assert (found.left, found.over) == (left, over)
    gone = view.bill(basket, {}, ASKED, None, EN)
    assert gone is not None
    assert gone.rows[0].title == "no longer in the catalogue"
    assert view.bill(Basket(), {}, ASKED, None, EN) is None

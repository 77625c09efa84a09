"""What each page shows: from a wish to the facts that its template fills in."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from giftrec.agent.wish import Wish
from giftrec.kept import Kept
from giftrec.web import sentence, view
from giftrec.web.asked import Asked
from giftrec.web.basket import Basket
from giftrec.web.cards import Cards
from giftrec.web.fields import read_query
from giftrec.web.form import form_of, summary
from giftrec.web.shop import Found, Shop
from giftrec.web.words import Words

Facts = dict[str, Any]


def asked_of(query: str, shop: Shop) -> Asked:
    """The wish of an address, or of a form that carries one."""
    return Asked.of(read_query(query), shop.vocabulary, shop.currencies, shop.today())


def start_facts(request: Request, shop: Shop, words: Words) -> Facts:
    """An empty form, or one that an address fills in."""
    asked, basket = asked_of(request.url.query, shop), Basket.of(request)
    titles = shop.titles(list(basket.rows))
    return {
        "form": form_of(asked, shop.vocabulary, shop.currencies, shop.today(), words),
        "faults": [words(fault) for fault in asked.faults],
        "bill": view.bill(basket, titles, asked, shop.rates, words),
        "size": words.number(shop.size, 0),
        "at": asked.query,
    }


async def gifts_facts(request: Request, shop: Shop, words: Words) -> Facts:
    """Gifts for the wish of the address."""
    asked, today = asked_of(request.url.query, shop), shop.today()
    basket = Basket.of(request)
    titles = shop.titles([*basket.rows, *asked.away, asked.like])
    if asked.like not in titles:  # the catalogue has changed
        asked = replace(asked, like="")
    heard = sentence.told(request, asked, today, shop.vocabulary, shop.currencies, words)
    wish, blank = asked.wish(today)
    found = await shop.find(wish)
    paid = replace(asked, budget=wish.profile.budget)
    called = "" if heard is None else heard.called
    return _answer(found, asked, wish, basket, shop, words) | {
        "blank": [_assumed(name, wish, words) for name in blank],
        "faults": [words(fault) for fault in asked.faults],
        "lost": request.query_params.get("told") == "lost",
        "heard": heard,
        "whom": words.called(called, asked.who) if asked.who else "",
        "like": titles.get(asked.like, ""),
        "unlike": replace(asked, like="").address,
        "aside": view.aside(asked, titles, words),
        "changes": view.changes(found.reply, paid, shop.rates, words),
        "tools": view.tools(found.reply, words),
        "bill": view.bill(basket, titles, paid, shop.rates, words),
        "form": form_of(asked, shop.vocabulary, shop.currencies, today, words),
        "id": found.id or "",
        "paper": request.query_params.get("view") == "print",
        "address": asked.address,
        "print_address": more(asked.address, "view", "print"),
        "at": asked.query,
    }


async def shared_facts(kept: Kept, shop: Shop, words: Words) -> Facts:
    """The gifts that were kept, with the prices of today."""
    today, wish = shop.today(), kept.wish
    late = wish.day < today
    asked = Asked.of_wish(wish)
    if late:
        asked = replace(asked, by=None)
    like = wish.like if wish.like and shop.titles([wish.like]) else None
    by = None if late else wish.day
    wish = wish.model_copy(update={"on": today, "needed_by": by, "like": like})
    found = await shop.find(wish)
    return _answer(found, asked, wish, Basket(), shop, words) | {
        "late": late,
        "changed": {pick.gift for pick in found.reply.picks} != set(kept.shown),
        "on": words.day(datetime.fromtimestamp(kept.at, UTC).date(), year=True),
        "own": replace(asked, away={}).address,
    }


def _answer(
    found: Found, asked: Asked, wish: Wish, basket: Basket, shop: Shop, words: Words
) -> Facts:
    """What every page of gifts shows."""
    reply = found.reply
    ratings = shop.ratings([pick.gift for pick in reply.picks])
    cards = Cards(words, shop.vocabulary, ratings)
    return {
        "cards": [cards.of(pick, asked, basket) for pick in reply.picks],
        "whom": words.relation(asked.who) if asked.who else "",
        "summary": summary(asked, words),
        "notes": [words.said(note) for note in reply.notes],
        "degraded": [words.said(note) for note in reply.degraded],
        "matched_by": reply.text_by or "",
        "as_of": words.day(reply.as_of, year=True),
        "wanted": wish.count,
    }


def _assumed(name: str, wish: Wish, words: Words) -> str:
    """What was taken for a field that was left empty."""
    profile = wish.profile
    facts = {
        "who": words.term("relationship", profile.relationship),
        "age": str(profile.age),
        "occasion": words.term("occasion", profile.occasion),
        "budget": words.money(profile.budget, short=True),
        "by": words.day(wish.day),
    }
    return words(f"assumed.{name}", value=facts[name])


def more(address: str, name: str, text: str) -> str:
    """An address that says one thing more."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode([(name, text)])}"

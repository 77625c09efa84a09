"""What a click on a card changes: the address, the basket, and what is told as feedback."""

from dataclasses import dataclass, replace
from urllib.parse import quote

from giftrec.web.asked import Asked
from giftrec.web.basket import Basket, read_amount
from giftrec.web.fields import LONGEST_ID
from giftrec.web.shop import Tells
from reccore.serve.refusal import Refusal

ASIDE: dict[str, tuple[str, Tells]] = {  # why a gift goes, and what that says of it
    "swap": ("s", "swap"),
    "not": ("n", "down"),
    "owns": ("o", "owns"),
}


@dataclass(frozen=True)
class Click:
    """What stands after it. `tells`: the feedback, if it is any."""

    asked: Asked
    basket: Basket
    gift: str
    tells: Tells | None
    anchor: str


def clicked(do: str, asked: Asked, basket: Basket) -> Click:
    """`do` is what the button says: `swap GIFT`, `put 5851EUR GIFT`."""
    what, _, gift = do.partition(" ")
    amount = ""
    if what == "put":
        amount, _, gift = gift.partition(" ")
    if not 0 < len(gift) <= LONGEST_ID or not gift.isprintable():
        raise _unknown()
    here = f"card-{quote(gift, safe='')}"
    if what in ASIDE:
        why, tells = ASIDE[what]
        return Click(asked.set_aside(gift, why), basket, gift, tells, "gifts")
    if what in ("up", "down"):
        changed = asked.thumb(gift, what == "up")
        up, down = gift in changed.up, gift in changed.down
        return Click(changed, basket, gift, "up" if up else "down" if down else None, here)
    if what in ("back", "like"):
        changed = asked.back(gift) if what == "back" else replace(asked, like=gift)
        return Click(changed, basket, gift, None, "gifts")
    return _counted(what, gift, amount, asked, basket)


def _counted(what: str, gift: str, amount: str, asked: Asked, basket: Basket) -> Click:
    """What changes the basket."""
    price = read_amount(amount)
    if what == "put" and price is not None:
        here = f"card-{quote(gift, safe='')}"
        return Click(asked, basket.put(gift, price), gift, None, here)
    if what == "drop":
        return Click(asked, basket.without(gift), gift, None, "basket")
    if what == "bought" and gift in basket.rows:
        return Click(asked, basket.bought(gift), gift, "bought", "basket")
    raise _unknown()


def _unknown() -> Refusal:
    return Refusal(422, "invalid", "this click says nothing that is known", field="do")

"""What a little more money or time would change, and what there is where nothing fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from giftrec.agent.candidates import REACH, Candidates
from giftrec.agent.gate import Checked
from giftrec.agent.reply import Alternative
from giftrec.agent.storefront import Storefront
from giftrec.agent.wish import Wish
from giftrec.columns import Floats, Numbers
from giftrec.money import Money, digits
from giftrec.tools.envelope import Envelope
from giftrec.tools.stock import InventoryCheck

BETTER = 0.02  # expected satisfaction that is worth a word
TRIED = 2  # of them, that are checked live


@dataclass(frozen=True)
class Dearer:
    """Gifts beyond the budget that would please more, best first."""

    gifts: Numbers  # numbers in the catalogue
    expected: Floats


def dearer(budget: int, found: Candidates, appeal: Floats, front: Storefront) -> Dearer:
    """Those worth a check. `appeal` [C]: of the candidates, to who has REACH times the budget."""
    total = (front.shelf.price + front.shelf.fees)[found.gifts]
    places = np.flatnonzero((total > budget) & (total <= REACH * budget))
    best = places[np.argsort(-appeal[places], kind="stable")[:TRIED]]
    return Dearer(found.gifts[best], appeal[best])


def with_more(
    options: Dearer, checked: dict[str, Checked], budget: int, best: float, front: Storefront
) -> Alternative | None:
    """The dearer gift that pleases more by what the gate found of it."""
    for number, expected in zip(options.gifts.tolist(), options.expected.tolist(), strict=True):
        gift = front.snapshot.ids[number]
        at = checked.get(gift)
        if at is None or at.code != "price" or at.cost.shop is None or expected < best + BETTER:
            continue  # more money would not help, or too little
        over = at.cost.total.minor - budget
        if over <= 0 or at.cost.total.minor > REACH * budget:
            continue
        more = whole(over, front.snapshot.currency)
        title = str(front.snapshot.gifts["title"][number])
        return Alternative(
            change="money",
            more=more,
            gift=gift,
            title=title,
            total=at.cost.total,
            expected=min(expected, 1.0),
            words=f"with {more} more: {title} ({at.cost.total})",
        )
    return None


def late(
    told: Envelope | None, gifts: Sequence[str], appeal: Floats, price: Floats, budget: int
) -> list[str]:
    """The most pleasing gifts that a shop has, but not in time: worth a check. Columns are [S]."""
    if told is None or not isinstance(told.data, InventoryCheck):
        return []
    able = [
        place
        for place, at in enumerate(told.data.gifts)
        if at.in_time is False and at.soonest is not None and price[place] <= budget
    ]
    able.sort(key=lambda place: -float(appeal[place]))
    return [gifts[place] for place in able[:TRIED]]


def with_time(
    late: Sequence[tuple[Checked, float]], wish: Wish, budget: int, best: float, front: Storefront
) -> Alternative | None:
    """The gift that only comes too late; `late`: with what each would bring in time."""
    for at, expected in sorted(late, key=lambda pair: -pair[1]):
        there: date | None = at.delivery.arrives
        if there is None or at.cost.total.minor > budget or expected < best + BETTER:
            continue
        days = (there - wish.day).days
        title = str(front.snapshot.gifts["title"][front.snapshot.index[at.gift]])
        by = "day" if days == 1 else "days"
        return Alternative(
            change="time",
            days=days,
            gift=at.gift,
            title=title,
            total=at.cost.total,
            expected=min(expected, 1.0),
            words=f"with {days} {by} more: {title} (there on {there})",
        )
    return None


def cheapest(found: Candidates, front: Storefront, budget: int) -> Alternative | None:
    """Where nothing fits: the cheapest gift that may be shown at all, as it is listed."""
    total = (front.shelf.price + front.shelf.fees).astype(np.int64)
    open_ = np.flatnonzero(found.may & (front.shelf.stock > 0))
    if not len(open_):
        return None
    number = int(open_[total[open_].argmin()])
    cost = Money(minor=int(total[number]), currency=front.snapshot.currency)
    title = str(front.snapshot.gifts["title"][number])
    over = max(int(total[number]) - budget, 0)
    more = whole(over, front.snapshot.currency) if over else None
    return Alternative(
        change="money",
        more=more,
        gift=front.snapshot.ids[number],
        title=title,
        total=cost,
        words=f"the cheapest that is to be had: {title} ({cost})",
    )


def whole(minor: int, currency: str) -> Money:
    """Rounded up to whole units: nobody adds 14.37 to a budget."""
    unit = 10 ** digits(currency)
    return Money(minor=-(-minor // unit) * unit, currency=currency)

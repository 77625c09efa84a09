"""Which of many gifts are worth the model's time: a cheap look at all of them.

Only what may be shown is looked at: not excluded, not owned, priced within reach, old enough to be
given. Of what is left the most promising go to the model, by what can be seen of the pair with
equal weights; in a small catalogue that is everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from giftrec.agent.storefront import Storefront
from giftrec.agent.wish import Wish
from giftrec.columns import Columns, Floats, Numbers

Mask = npt.NDArray[np.bool_]
REACH = 1.5  # prices up to this share of the budget are looked at, for "with a little more"
CHILD = 14  # until then a stated least age is a bound, not advice


@dataclass(frozen=True)
class Candidates:
    """What may be shown, and what the model shall look at."""

    gifts: Numbers  # [C] numbers of gifts, ascending
    words: Floats  # [C] 0 to 1, how well each meets the free words
    may: Mask  # [G] whatever it costs
    notes: tuple[str, ...]


def candidates(
    wish: Wish, budget: int, who: Columns, front: Storefront, words: Floats | None, most: int
) -> Candidates:
    """`words` [G]: how well free words are met; `budget` in the catalogue's money."""
    may, notes = allowed(wish, front), []
    if wish.like is not None and wish.like not in front.snapshot.index:
        notes.append(f"no gift {wish.like[:60]!r} here that others could be like")
    price = front.snapshot.price
    open_ = may & (price <= REACH * budget)
    if wish.at_least is not None and wish.at_least.currency == front.snapshot.currency:
        dear = open_ & (price >= wish.at_least.minor)
        if dear.any():
            open_ = dear
        else:
            notes.append(f"nothing costs {wish.at_least} or more within the budget")
    found = np.flatnonzero(open_)
    if len(found) > most:
        worth = promise(who, front, words, budget)[found]
        found = np.sort(found[np.argpartition(-worth, most)[:most]])
    met = np.zeros(len(found), dtype=np.float32) if words is None else words[found]
    return Candidates(found, met, may, tuple(notes))


def allowed(wish: Wish, front: Storefront) -> Mask:
    """[G] gifts that are sold, not excluded, not there already, and not for older children."""
    may = front.sold.copy()
    for text in wish.excluded:
        may &= ~named(front, text)
    for text in wish.owned:
        may &= ~front.snapshot.having(text, title=True)
    gone = [front.snapshot.index[gift] for gift in wish.not_these if gift in front.snapshot.index]
    may[gone] = False
    if wish.like is not None and wish.like in front.snapshot.index:
        may[front.snapshot.index[wish.like]] = False
    if wish.profile.age < CHILD:
        may &= (front.youngest <= wish.profile.age) | (front.youngest > CHILD)
    return may


def named(front: Storefront, text: str) -> Mask:
    """[G] gifts that a word stands for: by their texts, or as a category or hobby of theirs."""
    found = front.snapshot.having(text)
    tidy = text.strip().lower().replace(" ", "_")
    words: Sequence[tuple[str, Floats | None]] = (
        ("hobby", front.shelf.hobbies),
        ("category", None),
    )
    for factor, table in words:
        levels = front.vocabulary.levels(factor)
        if tidy in levels:
            code = levels.index(tidy)
            found |= front.shelf.category == code if table is None else table[:, code] > 0
    return found


def promise(who: Columns, front: Storefront, words: Floats | None, budget: int) -> Floats:
    """[G] what can be seen of recipient and gift, with equal weights."""
    shelf = front.shelf
    hobby = who.hobbies[0]
    direct = shelf.hobbies @ hobby > 0
    kin = front.gift_kinds @ (hobby @ front.hobby_kinds) > 0
    liked = shelf.preferences @ who.preferences[0] / max(float(who.preferences[0].sum()), 1.0)
    fits = shelf.occasions[:, who.occasion[0]]
    age = float(who.age[0])
    outside = np.maximum(0, np.maximum(shelf.youngest - age, age - shelf.oldest))
    total = direct + 0.5 * (kin & ~direct) + liked + 0.5 * fits - np.minimum(outside / 12, 1)
    total = total + 0.5 * np.minimum(shelf.price / budget, 1) + 0.1 * front.popularity
    if words is not None:
        total = total + 2 * words
    promised: Floats = total.astype(np.float32)
    return promised

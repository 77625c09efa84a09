"""What is known of gifts beyond what the model was taught: their texts, and how many rated them.

Free words add most; that a gift's text speaks of the recipient as the shopper does adds a little,
and so does how often it was bought and rated.
"""

from dataclasses import dataclass

import numpy as np

from giftrec.agent.storefront import Storefront
from giftrec.agent.wish import Wish
from giftrec.columns import Floats, Numbers

WORTH = 0.25  # of a word met in full, in satisfaction before clipping
ABOUT = 0.25  # the same of the recipient as said
NEAR = 0.7  # of the best gift's likeness, from which another is called close too
POPULAR = 0.03  # of one standard score of the log of how many ratings there are
ALIKE = 0.3  # likeness of two gifts' texts from which one is like the other


@dataclass(frozen=True)
class Met:
    """[G] gifts and W free words."""

    total: Floats  # [G] 0 to 1, of the free words
    about: Floats  # [G] 0 to 1, of the recipient as said
    each: dict[str, Floats]  # word -> [G]
    by: str
    notes: tuple[str, ...]
    near: dict[str, float]  # word -> the score from which a gift may be said to be close to it


def met(wish: Wish, front: Storefront) -> Met | None:
    """None where nothing was said in free words, and no gift is to be resembled."""
    like = front.snapshot.index.get(wish.like) if wish.like is not None else None
    if not wish.wishes and not wish.about and like is None:
        return None
    about = front.texts.match([wish.about]).scores if wish.about else np.float32(0.0)
    total = np.zeros(len(front), dtype=np.float32)
    each: dict[str, Floats] = {}
    notes: tuple[str, ...] = ()
    if wish.wishes:
        matched = front.texts.match(wish.wishes)
        notes, total = matched.notes, matched.scores
        each = {
            text: row
            for text, row in zip(wish.wishes, matched.wishes, strict=True)
            if text not in matched.far
        }
    if like is not None:
        vectors = front.texts.vectors
        alike = np.clip(vectors @ vectors[like] - ALIKE, 0, None) / (1 - ALIKE)
        alike[like] = 0.0  # itself is not to be shown
        alike[like] = 0.0  # it is not shown itself, and would make all others look far
        each[front.snapshot.ids[like]] = alike
        total = np.maximum(total, alike)
    spoken = np.broadcast_to(np.asarray(about, dtype=np.float32), total.shape)
    near = {
        word: max(0.0 if word == wish.like else front.texts.encoder.close, NEAR * float(row.max()))
        for word, row in each.items()
    }
    return Met(total.astype(np.float32), spoken, each, front.texts.encoder.name, notes, near)


def bonus(met: Met | None, front: Storefront, gifts: Numbers) -> Floats:
    """[C] what all this adds to the appeal of some gifts."""
    added: Floats = POPULAR * front.popularity[gifts]
    if met is not None:
        added = added + WORTH * met.total[gifts] + ABOUT * met.about[gifts]
    return np.asarray(added, dtype=np.float32)

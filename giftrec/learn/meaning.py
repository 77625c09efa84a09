"""What a reaction says: which gifts of one slate were preferred to which.

    bought   preferred to every other gift of the slate: money was spent on it, and not on them
    up       preferred to what was swapped away or disliked; and, at a tenth of the weight, to gifts
             of which nothing was said: who presses one thumb does not press all
    nothing  preferred to what was swapped away or disliked, at a tenth of the weight
    swap, down   alike: no gift wanted here; why, nobody said
    owns     left out: the idea was good, but this gift was not received

The weights are choices, made on simulated shoppers that no reported figure is from: with silence
at half the weight, the model became worse than without feedback. Each pair weighs less in a longer
slate, because the pairs of one purchase are one decision and not several.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from giftrec.learn.heard import Preferred

Kind = Literal["bought", "up", "swap", "down", "owns"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SILENT = "silent"
LEVEL = {"bought": 3, "up": 2, SILENT: 1, "swap": 0, "down": 0}
SURE = 0.5  # of a reception whose amount is known: a comparison with what was acted on or bought
UNSAID = 0.05  # with a gift of which nothing was said, where none was bought


def last_word(kinds: Sequence[Kind]) -> Kind | None:
    """What a person's reactions to one gift, oldest first, come to; none: they contradict.

    A purchase outweighs thumbs. One that is followed by a thumb down is not understood: perhaps it
    broke, perhaps the thumb slipped.
    """
    if "owns" in kinds:
        return "owns"
    if "bought" in kinds:
        after = kinds[len(kinds) - 1 - list(reversed(kinds)).index("bought") :]
        return None if "down" in after else "bought"
    return kinds[-1] if kinds else None


def preferences(
    shown: Sequence[str], said: Mapping[str, Kind | None], share: float = 1.0
) -> tuple[Preferred, ...]:
    """The comparisons in one slate. `said`: of gifts that were reacted to, the last word.

    `share`: of the weight that a person's reactions to this slate have (see `gathering`).
    """
    levels = dict(_levels(shown, said))
    found = []
    for better, high in levels.items():
        for worse, low in levels.items():
            if LEVEL[high] > LEVEL[low]:
                sure = high == "bought" or SILENT not in (high, low)
                weight = share * (SURE if sure else UNSAID) * 2 / len(levels)
                found.append(Preferred(better=better, worse=worse, weight=weight))
    return tuple(found)


def _levels(
    shown: Sequence[str], said: Mapping[str, Kind | None]
) -> Iterable[tuple[str, Kind | str]]:
    for gift in shown:
        kind = said.get(gift, SILENT)
        if kind is not None and kind != "owns":
            yield gift, kind

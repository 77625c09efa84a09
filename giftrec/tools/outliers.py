"""Prices that cannot be right: far from what all others say.

A price is judged against the median of its witnesses (other shops, the listed price, the history),
in units of their median absolute deviation (Iglewicz & Hoaglin 1993), which one wild price cannot
stretch. Few witnesses often agree by chance, so a price must also be far off in absolute terms.
"""

import math
from collections.abc import Sequence
from statistics import median

FAR = 3.5  # modified standard scores
LEAST_OFF = 0.3  # and this share away from the median
WITNESSES = 3
TO_SPREAD = 1.4826  # of a median absolute deviation to a standard deviation


def outlying(prices: Sequence[float], others: Sequence[float] = ()) -> list[str | None]:
    """For each price, why it is not to be trusted, or None. `others` are witnesses only."""
    logs = [math.log(max(price, 0.5)) for price in prices]
    witnesses = logs + [math.log(max(other, 0.5)) for other in others]
    if len(witnesses) < WITNESSES:
        return [None] * len(prices)
    centre = median(witnesses)
    spread = TO_SPREAD * median([abs(log - centre) for log in witnesses])
    reasons: list[str | None] = []
    for log in logs:
        off = math.expm1(log - centre)
        too_far = abs(log - centre) > FAR * spread and abs(log - centre) > math.log1p(LEAST_OFF)
        way = "above" if off > 0 else "below"
        text = f"{abs(off):.0%} {way} the median of {len(witnesses)} prices"
        reasons.append(text if too_far else None)
    return reasons

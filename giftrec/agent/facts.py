"""What the tools found, as the model reads it: a value a gift for every tool that answered.

A tool that failed tells nothing, and the model goes on as if it had not been asked. Where a tool
answered but knows nothing of one gift, that gift keeps what is listed: the model was taught that a
told fact is certain, so a gap is filled with what is most likely, and the last gate looks again.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from giftrec.agent.storefront import Storefront
from giftrec.catalog.today import DEMAND_TELLS, NEVER
from giftrec.columns import Floats, Numbers
from giftrec.inputs import FEES, LEAD, PRICE, QUALITY, TREND, Facts
from giftrec.tools.envelope import Envelope
from giftrec.tools.prices import PriceComparison
from giftrec.tools.reviews import ReviewAnalysis
from giftrec.tools.stock import InventoryCheck
from giftrec.tools.trends import GiftTrend, TrendAnalysis
from giftrec.vocabulary import TOOLS

Z95 = 1.96
HIGHEST = 3.0  # standard scores beyond which no fact is believed


def facts_of(
    envelopes: Mapping[str, Envelope], prices: Envelope | None, gifts: Numbers, front: Storefront
) -> Facts:
    """Facts [5, 1, C] about `gifts`. `prices` tells the fees of budget_optimizer's best offers."""
    told = np.zeros((len(TOOLS), 1, len(gifts)), dtype=np.float32)
    known = np.zeros((1, len(TOOLS)), dtype=np.float32)
    for t, tool in enumerate(TOOLS):
        envelope = envelopes.get(tool)
        if envelope is None or envelope.data is None:
            continue
        if t == FEES:
            envelope = prices
        values = None if envelope is None else _column(t, envelope, gifts, front)
        if values is not None:
            told[t, 0], known[0, t] = values, 1.0
    return Facts(told, known)


def nothing(gifts: int, rows: int = 1) -> Facts:
    """Before any tool is asked."""
    told = np.zeros((len(TOOLS), rows, gifts), dtype=np.float32)
    return Facts(told, np.zeros((rows, len(TOOLS)), dtype=np.float32))


def _column(tool: int, envelope: Envelope, gifts: Numbers, front: Storefront) -> Floats | None:
    data = envelope.data
    if isinstance(data, PriceComparison):
        return _prices(data, tool, gifts, front)
    if isinstance(data, ReviewAnalysis) and tool == QUALITY:
        scores = [front.rating.score(g.rating_without_suspicious) for g in data.gifts]
        return _bounded(scores)
    if isinstance(data, InventoryCheck) and tool == LEAD:
        return _leads(data)
    if isinstance(data, TrendAnalysis) and tool == TREND:
        listed = DEMAND_TELLS * front.shelf.demand[gifts]
        return _bounded(_trends(data.gifts, listed, front))
    return None


def _prices(data: PriceComparison, tool: int, gifts: Numbers, front: Storefront) -> Floats:
    assert tool in (PRICE, FEES)
    listed = (front.shelf.price if tool == PRICE else front.shelf.fees)[gifts].copy()
    for at, gift in enumerate(data.gifts):
        if gift.best is not None:
            listed[at] = (gift.best.price if tool == PRICE else gift.best.fees).minor
    return listed


def _leads(data: InventoryCheck) -> Floats:
    """0 where it is there in time or nobody says that it is not, NEVER where it is known not to."""
    late = [gift.in_stock is False or gift.in_time is False for gift in data.gifts]
    return np.where(late, NEVER, 0.0).astype(np.float32)


def _trends(gifts: Sequence[GiftTrend], listed: Floats, front: Storefront) -> list[float]:
    """Growth against the catalogue's, believed as far as its interval is narrow."""
    scores = []
    for gift, before in zip(gifts, listed.tolist(), strict=True):
        if gift.growth is None:
            scores.append(before)
            continue
        error = max((gift.growth.high - gift.growth.low) / (2 * Z95), 1e-6)
        belief = front.growth.spread**2 / (front.growth.spread**2 + error**2)
        seen = front.growth.score(gift.growth.weekly)
        scores.append(belief * seen + (1 - belief) * before)
    return scores


def _bounded(scores: Sequence[float]) -> Floats:
    return np.clip(np.asarray(scores, dtype=np.float32), -HIGHEST, HIGHEST)

"""What holds today, and the five ways to learn it.

The listing is dated. On a given day prices have moved, shops have run out, a batch has turned out
bad, a fashion has passed. Each `reveal_<tool>` tells one kind of fact for the gifts it is asked
about; the facts of different tools are independent of each other, given the listing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from giftrec.catalog.world import Floats, World, normal_of, uniform
from giftrec.vocabulary import TOOLS
from reccore.data.seeds import derive

Numbers = npt.NDArray[np.int64]

DRIFT = 70 / 3  # how far prices have moved since the snapshot, in standard deviations of a week
RATING_TELLS = 0.22  # correlation of the listed rating with how the current batch is
DEMAND_TELLS = 0.35  # correlation of the listed demand's slope with today's trend
NEVER = 999.0  # lead time of a gift that no shop has


@dataclass(frozen=True)
class Facts:
    """The current facts as columns [..., G]. `quality` and `trend` are standard scores."""

    price: Floats  # price_comparison: cheapest price of all shops, minor units
    quality: Floats  # review_analysis: how the current batch is judged
    lead_days: Floats  # inventory_check: soonest delivery; NEVER where nobody has it
    trend: Floats  # trend_analyzer: how much in fashion it is
    fees: Floats  # budget_optimizer: cheapest shipping, wrapping and vouchers, minor units

    def column(self, tool: str) -> Floats:
        return getattr(self, COLUMNS[tool])  # type: ignore[no-any-return]


COLUMNS = dict(zip(TOOLS, ("price", "quality", "lead_days", "trend", "fees"), strict=True))


def facts_on(world: World, days: npt.ArrayLike) -> Facts:
    """Today's facts on each of the days [D]: columns [D, G]. Only the tools and judges look."""
    seen = world.listing
    days = np.atleast_1d(np.asarray(days, dtype=np.int64))
    u = np.stack([uniform(world.seeds, derive(world.seed, "day", int(d)), 14) for d in days])
    z = normal_of(u[..., :7], u[..., 7:])  # [D, G, 7]
    price = seen.price * np.exp(DRIFT * seen.volatility * z[..., 0])
    fees = np.maximum(0.0, seen.fees + seen.price * (0.09 + 0.40 * z[..., 1]))
    out = u[..., 2] < 0.07 + 0.54 * np.exp(-seen.stock / 12)
    late = np.where(u[..., 3] < 0.12, 2 + 8 * u[..., 4], 0.0)  # a delivery may be held up
    lead = np.where(out, NEVER, np.floor(seen.lead_days + late + 1.5 * u[..., 9]))
    return Facts(
        price=np.round(price).astype(np.float64),
        quality=_mix(standard(seen.rating), z[..., 5], RATING_TELLS),
        lead_days=lead,
        trend=_mix(standard(seen.demand), z[..., 6], DEMAND_TELLS),
        fees=np.round(fees).astype(np.float64),
    )


def standard(column: Floats) -> Floats:
    """Standard scores over the catalogue; zeros where all are equal."""
    spread = column.std()
    return (column - column.mean()) / spread if spread > 1e-9 else np.zeros_like(column)


def _mix(known: Floats, fresh: Floats, tells: float) -> Floats:
    mixed: Floats = tells * known + np.sqrt(1 - tells**2) * fresh
    return mixed


@lru_cache(maxsize=64)
def _day(world: World, day: int) -> Facts:
    return facts_on(world, [day])


@dataclass(frozen=True)
class Revealed:
    """What one call of a tool told: a value for each gift it was asked about."""

    tool: str
    gifts: Numbers
    values: Floats
    cost: float


def reveal(world: World, day: int, tool: str, gifts: Numbers | None = None) -> Revealed:
    """Ask one tool about some gifts (all of them by default) on that day."""
    asked = np.arange(len(world)) if gifts is None else np.asarray(gifts, dtype=np.int64)
    values = _day(world, day).column(tool)[0, asked]
    return Revealed(tool, asked, values, world.vocabulary.tools[tool])


def _tool(name: str) -> Callable[..., Revealed]:
    def ask(world: World, day: int, gifts: Numbers | None = None) -> Revealed:
        return reveal(world, day, name, gifts)

    ask.__doc__ = f"What {name} finds on that day."
    return ask


reveal_price_comparison = _tool("price_comparison")
reveal_review_analysis = _tool("review_analysis")
reveal_inventory_check = _tool("inventory_check")
reveal_trend_analyzer = _tool("trend_analyzer")
reveal_budget_optimizer = _tool("budget_optimizer")

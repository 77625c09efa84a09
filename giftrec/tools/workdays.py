"""Business days: how long a delivery takes when nobody works at weekends."""

from collections.abc import Collection
from datetime import date
from functools import lru_cache

import numpy as np

WORKED = "1111100"  # Monday to Sunday


class Calendar:
    """Days on which parcels move."""

    def __init__(self, holidays: Collection[date] = (), every_day: bool = False) -> None:
        week = "1111111" if every_day else WORKED
        self._days = np.busdaycalendar(
            weekmask=week, holidays=[np.datetime64(day, "D") for day in holidays]
        )
        self.arrival = lru_cache(maxsize=512)(self._arrival)
        self.order_by = lru_cache(maxsize=512)(self._order_by)

    def _arrival(self, ordered: date, lead_days: int) -> date:
        """The day a gift arrives; an order on a free day is taken up on the next working day."""
        return self._offset(ordered, lead_days, "forward")

    def _order_by(self, needed_by: date, lead_days: int) -> date:
        """The last day on which an order still arrives in time."""
        return self._offset(needed_by, -lead_days, "backward")

    def _offset(self, day: date, lead_days: int, roll: str) -> date:
        moved = np.busday_offset(
            np.datetime64(day, "D"),
            lead_days,
            roll=roll,  # type: ignore[call-overload]
            busdaycal=self._days,
        )
        return moved.item()  # type: ignore[no-any-return]

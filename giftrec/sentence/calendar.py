"""Days that are named by rules: the next 3 December, Easter, the second Sunday of May."""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta


def valid(year: int, month: int, day: int) -> date | None:
    if 1 <= month <= 12 and 1 <= day <= 31 and 1 <= year <= 9999:
        return date(year, month, day) if day <= monthrange(year, month)[1] else None
    return None


def next_day_of(today: date, month: int, day: int) -> date | None:
    """The next such day, today included; 29 February waits for its year."""
    for year in range(today.year, min(today.year + 9, 10000)):
        day_then = valid(year, month, day)
        if day_then is not None and day_then >= today:
            return day_then
    return None


def next_day_of_month(today: date, day: int) -> date | None:
    """The next month that has such a day, this one included."""
    for ahead in range(13):
        then = months_on(today.replace(day=1), ahead)
        found = then and valid(then.year, then.month, day)
        if found and found >= today:
            return found
    return None


def months_on(day: date, months: int) -> date | None:
    """The same day so many months later, or the last one of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        return None
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def end_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def days_on(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def easter(year: int) -> date:
    """Western Easter (Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def feast(name: str, today: date) -> date | None:
    """The next day of a feast, today included; None for what has no fixed day."""
    fixed = {
        "christmas": (12, 25),
        "christmas eve": (12, 24),
        "valentines_day": (2, 14),
        "new year": (1, 1),
        "new year 's eve": (12, 31),
        "halloween": (10, 31),
        "boxing day": (12, 26),
    }
    if name in fixed:
        return next_day_of(today, *fixed[name])
    moving: dict[str, Callable[[int], date]] = {
        "easter": easter,
        "mothers_day": lambda year: nth_weekday(year, 5, 6, 2),
        "fathers_day": lambda year: nth_weekday(year, 6, 6, 3),
        "thanksgiving": lambda year: nth_weekday(year, 11, 3, 4),
    }
    if name not in moving:
        return None
    days = (moving[name](year) for year in range(today.year, min(today.year + 2, 10000)))
    return next((day for day in days if day >= today), None)

"""When it must be there: "by Friday", "3 December", "12/24", "in two weeks", "before Christmas".

A day without a year is the next such day. `before` a day means the day before it; `next Friday` is
the Friday of next week; a week, a month or a season counts from its first day, as a gift that is
there then is not late.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from giftrec.sentence import calendar
from giftrec.sentence.stream import Found, Stream

YEAR = r"(?: ,? ?(20[0-9]{2}))?"
DAY = r"([0-9]{1,2})(?:th)?"
FEW = {"a": 1, "an": 1, "a couple of": 2, "couple of": 2, "a few": 3, "few": 3, "several": 3}
COUNT = r"([0-9]{1,3}|an|a couple of|couple of|a few|few|several|a)"
UNIT = r"(days?|nights?|weeks?|wks?|fortnights?|months?)"
LENGTH = {"d": 1, "n": 1, "w": 7, "f": 14}
FEASTS = {
    "christmas day": "christmas",
    "christmas eve": "christmas eve",
    "christmas": "christmas",
    "xmas eve": "christmas eve",
    "xmas day": "christmas",
    "xmas": "christmas",
    "x mas": "christmas",
    "the holidays": "christmas",
    "boxing day": "boxing day",
    "new year 's eve": "new year 's eve",
    "new years eve": "new year 's eve",
    "new year 's day": "new year",
    "new year 's": "new year",
    "new years": "new year",
    "new year": "new year",
    "the new year": "new year",
    "valentine 's day": "valentines_day",
    "valentines day": "valentines_day",
    "valentine 's": "valentines_day",
    "valentines": "valentines_day",
    "mother 's day": "mothers_day",
    "mothers day": "mothers_day",
    "father 's day": "fathers_day",
    "fathers day": "fathers_day",
    "easter": "easter",
    "halloween": "halloween",
    "thanksgiving": "thanksgiving",
}
DEADLINE = re.compile(
    r" (?:by|before|until|till|til|latest|deadline|deadline is|due|no later than|not later than|"
    r"needed|need it|needs it|prior to|ahead of|on or before|arrive|arrives|here|there|within|"
    r"in time for|at the latest|needs to be here|want it|wants it|have it|not a day later than)"
    r" (?:(?:it|is|by|on|the|at|latest|this|next|coming|around|about|before) )*$"
)
EARLIER = re.compile(r" (?:before|ahead of|prior to)(?: (?:the|this|next|coming|on))* $")
PAST = re.compile(r" (?:last|past|since|born|born on|every|was|were) (?:the |on |in )*$")
SHORT_DAYS = {"sun", "sat", "mon", "wed"}
BEFORE_SHORT = re.compile(
    r" (?:birthday|bday|party|wedding|by|on|before|this|next|until|till|til|due"
    r"|coming|deadline|needed|latest|:) $"
)


@dataclass(frozen=True)
class Day:
    """A day that a text names, and the words it stands in."""

    start: int
    end: int
    day: date
    deadline: bool
    confidence: float = 0.95
    note: str = ""
    feast: str = ""


Reader = Callable[[re.Match[str], "Reading"], date | None]


@dataclass
class Reading:
    """What a rule may look at beside its match, and what it assumed."""

    stream: Stream
    today: date
    confidence: float = 0.95
    note: str = ""

    def month(self, word: str) -> int:
        number: int = self.stream.lexicon.lists["calendar"]["months"][word]
        return number


def _day_month(day: str, month: str, year: str | None, reading: Reading) -> date | None:
    number = reading.month(month)
    if year:
        return calendar.valid(int(year), number, int(day))
    return calendar.next_day_of(reading.today, number, int(day))


def _iso(match: re.Match[str], reading: Reading) -> date | None:
    return calendar.valid(int(match[1]), int(match[2]), int(match[3]))


def _figures(match: re.Match[str], reading: Reading) -> date | None:
    """`12/24` and `24/12` are plain; `3/4` is the month first where dollars are meant."""
    first, second, year = int(match[1]), int(match[2]), match[3]
    if match.group().strip() == "24/7":
        return None
    day, month = first, second
    if second > 12:
        day, month = second, first
    elif first <= 12 and "/" in match.group() and first != second:
        american = re.search(r" (?:USD|CAD) ", reading.stream.plain) is not None
        day, month = (second, first) if american else (first, second)
        order = "month before day, as dollars were named" if american else "day before month"
        reading.confidence, reading.note = 0.6, f"{match.group().strip()} read as {order}"
    if year:
        return calendar.valid(int(year) + (2000 if len(year) == 2 else 0), month, day)
    return calendar.next_day_of(reading.today, month, day)


def _relative(match: re.Match[str], reading: Reading) -> date | None:
    count = FEW.get(match[1]) or int(match[1])
    if match[1] in FEW and count > 1:
        reading.confidence, reading.note = 0.6, f"{match[1]!r} taken as {count}"
    if match[2][0] == "m":
        return calendar.months_on(reading.today, count)
    return calendar.days_on(reading.today, count * LENGTH[match[2][0]])


def _named_day(match: re.Match[str], reading: Reading) -> date | None:
    name = match[1]
    ahead = 2 if "after" in name or name == "overmorrow" else 1 if name == "tomorrow" else 0
    return calendar.days_on(reading.today, ahead)


def _weekday(match: re.Match[str], reading: Reading) -> date | None:
    number = reading.stream.lexicon.lists["calendar"]["weekdays"][match[2]]
    which, after = match[1] or "", match[3] or ""
    ahead = (number - reading.today.weekday()) % 7
    if "next" in which or after == "next week":
        reading.confidence, reading.note = 0.75, f"'next {match[2]}' taken as that of next week"
        ahead = 7 - reading.today.weekday() + number
    elif "week after" in after:
        ahead = 7 - reading.today.weekday() + number
    elif after == "week":
        ahead = (ahead or 7) + 7
    elif ahead == 0 and "this" not in which:
        ahead = 7
    return calendar.days_on(reading.today, ahead)


def _period(match: re.Match[str], reading: Reading) -> date | None:
    """`end of the month`, `next week`, `this weekend`."""
    part, which, unit = match[1] or "", match[2] or "", match[3]
    today = reading.today
    ahead = "next" in which or "following" in which
    if part == "" and not which:
        return None
    if unit == "weekend":
        saturday = calendar.days_on(today, (5 - today.weekday()) % 7 + (7 if ahead else 0))
        return saturday if "end" not in part else saturday and calendar.days_on(saturday, 1)
    if unit == "week":
        monday = calendar.days_on(today, -today.weekday() + (7 if ahead else 0))
        step = 6 if "end" in part else 2 if "mid" in part else 0 if ahead else 6
        return monday and calendar.days_on(monday, step)
    if unit == "month":
        return _part_of_month(part, ahead, today)
    if not which:
        return None
    year = today.year + (1 if ahead else 0)
    return calendar.valid(year, 12, 31) if "end" in part or not ahead else None


def _part_of_month(part: str, ahead: bool, today: date) -> date | None:
    first = calendar.months_on(today.replace(day=1), 1 if ahead else 0)
    if first is None or "end" in part or (not part and not ahead):
        return first and calendar.end_of_month(first)
    return first.replace(day=15) if "mid" in part else first


def _month(match: re.Match[str], reading: Reading) -> date | None:
    part, month = match[1] or "", reading.month(match[2])
    last = 31 if "end" in part or part == "late" else 15 if "mid" in part else 1
    day = calendar.next_day_of(reading.today, month, 15 if last == 15 else 1)
    if last == 31:
        this_month = reading.today.month == month
        first = reading.today.replace(day=1) if this_month else day
        return first and calendar.end_of_month(first)
    if day is not None and not part:
        reading.confidence, reading.note = 0.6, f"the first day of {match[2].capitalize()} taken"
    return day


def _day_of_month(match: re.Match[str], reading: Reading) -> date | None:
    return calendar.next_day_of_month(reading.today, int(match[1]))


def _feast(match: re.Match[str], reading: Reading) -> date | None:
    name = FEASTS[match["feast"]]
    day = calendar.feast(name, reading.today)
    if name in {"mothers_day", "fathers_day"}:
        reading.confidence, reading.note = 0.6, "its day in most countries; it differs in some"
    count = match["count"]
    if day is None or count is None:
        return day
    days = (FEW.get(count) or int(count)) * LENGTH[match["unit"][0]]
    return calendar.days_on(day, -days)


def _alternatives(words: object) -> str:
    return "|".join(sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


def rules_of(
    calendar_words: dict[str, dict[str, int]],
) -> tuple[tuple[re.Pattern[str], Reader], ...]:
    """The rules for the months and weekdays of the word lists, in the order they are tried."""
    months, weekdays = (_alternatives(calendar_words[n]) for n in ("months", "weekdays"))
    feasts = _alternatives(FEASTS)
    near = "this coming|this|next|coming|the coming|the following|following|upcoming"
    listed: tuple[tuple[str, Reader], ...] = (
        (r" ([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?= )", _iso),
        (r" ([0-9]{1,2})[/.]([0-9]{1,2})(?:[/.]([0-9]{2,4})?)?(?= )", _figures_checked),
        (
            rf"(?: (?:on|by|before))? (?:the )?{DAY} (?:of )?({months})\b{YEAR}(?= )",
            lambda m, r: _day_month(m[1], m[2], m[3], r),
        ),
        (
            rf" ({months}) (?:the )?{DAY}(?! [A-Z]{{3}} | year| yo ){YEAR}(?= )",
            lambda m, r: _day_month(m[2], m[1], m[3], r),
        ),
        (
            rf" (?:(?P<count>[0-9]{{1,2}}|an|a couple of|a few|a) (?P<unit>days?|weeks?) before|by|"
            rf"before|until|till|til|for|on|in time for|ahead of|prior to|this|due) (?:the |on )?"
            rf"(?P<feast>{feasts})(?! (?:party|dinner|present|gift|list|market|tree))(?= )",
            _feast_checked,
        ),
        (rf" (?:in|within|in about|in just|in less than|in only|only|in the next|just|have) "
         rf"{COUNT} (?:short )?{UNIT}(?! (?:old|ago|later|together|of ))(?: ' ?"
         rf"| time)*(?= )", _relative),
        (rf" {COUNT} {UNIT} (?:from now|from today|away|left|to go|left to go|time"
            rf"|' time)(?= )", _relative),
        (r" (?:the )?(day after tomorrow|overmorrow|tomorrow|today|tonight)(?= )", _named_day),
        (
            rf"(?: ({near}))? ({weekdays})(?: (next week|week after next|week)(?! ?end))?(?= )",
            _weekday,
        ),
        (
            r"(?: (?:the )?(end of|by the end of|mid|middle of|beginning of|start of|early|late))?"
            r"(?: (the|this coming|this|next|the coming|the following"
            r"|coming))? (weekend|week|month|year)(?= )",
            _period,
        ),
        (
            rf" (?:(?:by|in|before|until|till|for|around|the|at) ){{0,3}}"
            rf"(end of|mid|middle of|beginning of|start of|early|late)? ?(?:in )?({months})(?= )",
            _month_checked,
        ),
        (
            r" (?:on|by|before|until|till|til|for|due|is) (?:the )?([0-9]{1,2})th"
            r"(?! (?:birthday|bday|anniversary|wedding|grade|century))(?= )",
            _day_of_month,
        ),
    )  # fmt: skip
    return tuple((re.compile(text), reader) for text, reader in listed)


def _figures_checked(match: re.Match[str], reading: Reading) -> date | None:
    """A decimal number ("59.90") is no date: a dotted one ends with a dot or a year."""
    text = match.group().strip()
    if "." in text and text.count(".") < 2:
        return None
    return _figures(match, reading)


def _feast_checked(match: re.Match[str], reading: Reading) -> date | None:
    """`for Christmas` names the occasion, not a day."""
    if re.match(r" (?:for|this|due) ", match.group()):
        return None
    return _feast(match, reading)


def _month_checked(match: re.Match[str], reading: Reading) -> date | None:
    """`may` is a verb and `march` one too, unless a preposition stands before."""
    led = re.match(r" (?:by|in|before|until|till|for|around|at|end|mid|early|late|begin|start|the)",
                   match.group())  # fmt: skip
    return _month(match, reading) if led and match.group().strip() != "for may" else None


def days(stream: Stream, today: date) -> Iterator[Day]:
    """Every day that is named, claimed as it is read."""
    for rule, read in _rules(stream):
        for found in list(stream.find(rule)):
            day = _read(found, read, stream, today)
            if day is not None and all(stream.free[day.start : day.end]):
                stream.claim(day.start, day.end)
                yield day


def _rules(stream: Stream) -> tuple[tuple[re.Pattern[str], Reader], ...]:
    if "dates" not in stream.lexicon.compiled:
        stream.lexicon.compiled["dates"] = rules_of(stream.lexicon.lists["calendar"])
    rules: tuple[tuple[re.Pattern[str], Reader], ...] = stream.lexicon.compiled["dates"]
    return rules


def _read(found: Found, read: Reader, stream: Stream, today: date) -> Day | None:
    before = stream.plain[max(0, found.match.start() - 60) : found.match.start() + 1]
    text = found.match.group()
    if PAST.search(before) or stream.word(found.end) == "ago":
        return None
    short = read is _weekday and found.match[2] in SHORT_DAYS and not found.match[1]
    if short and not BEFORE_SHORT.search(before):
        return None
    reading = Reading(stream, today)
    day = read(found.match, reading)
    if day is None:
        return None
    whole = before.rstrip() + text + " "
    led = re.match(
        r"( (?:by|before|until|till|til|within|ahead of|prior to|in time for|due))", text
    )
    deadline = led is not None or DEADLINE.search(before) is not None
    earlier = re.match(r" (?:before|ahead of|prior to) ", text) or EARLIER.search(before)
    if earlier and not re.search(r" end of ", whole[-40:]) and " before " not in text[3:]:
        day = calendar.days_on(day, -1) or day
    if day < today:
        reading.note = f"{day} is past"
        reading.confidence = 0.3
    notes = "; ".join(n for n in (reading.note, stream.typo(found.start, found.end)) if n)
    feast = FEASTS.get(found.match.groupdict().get("feast") or "", "")
    return Day(found.start, found.end, day, deadline, reading.confidence, notes, feast)

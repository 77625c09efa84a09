"""How old: "turns 30", "5-year-old", "in her sixties", "teenager", "born in 1990", "(34)".

A range keeps both ends; "about 40" is 38 to 42, "nearly 40" is 39 or 40.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from giftrec.sentence.result import Ages
from giftrec.sentence.stream import Found, Stream

OLDEST = 120
NUM = r"([0-9]{1,3})"
ROUGH = (
    r"(?P<rough>(?:about|around|roughly|nearly|almost|approximately|approx|ca|circa|close to|~) )?"
)
BORN = re.compile(
    r" (?:was )?born (?:in |on |at |around |the ){0,3}(?:[^.;,]{0,25} )??((?:19|20)[0-9]{2})(?= )"
)
SPAN_OLD = re.compile(
    rf" (?:aged?|ages|between|from)?(?: between| from)? ?{NUM} (?:-|to|or|and|/) {NUM} ?"
    rf"(?:years?|yrs?|yr|y|yo|y o|yos) ?(?:old|olds|of age|o)?(?= )(?! (?:together"
    rf"|of marriage|left|ago))"
)
SPAN_AGED = re.compile(
    rf" (?:aged|ages?|age is)(?: between| from|d)? {NUM} (?:-|to|or|and) {NUM}(?= )"
)
OLD = re.compile(
    rf" {ROUGH}{NUM} (?:years?|yrs?|yr|y|year) (?:old|olds|young|of age|o)\b(?= )|"
    rf" {ROUGH.replace('rough', 'rough2')}{NUM} (?:yo|yrs|yos|yr)(?= )"
)
YOUNG = re.compile(rf" {NUM} (months?|weeks?|mths?|mos?) old(?= )")
DECADE = re.compile(
    r" (?:(?:in|is|are|into|'s) )?(?:(?:his|her|their|the|my|our|early|mid|late|somewhere) ){0,4}"
    r"(?:to )?([1-9]0)s(?= )"
)
DECADE_LED = re.compile(r" (?:in (?:his|her|their|my|our)|his|her|their|early|mid|late) ")
TURN = re.compile(
    rf" (?:turn|turns|turned|turning|hit|hits|hitting|reaches|reaching|becomes|becoming|become) "
    rf"(?:just |the big |a |the |about |around |out to be ){{0,4}}{NUM}(?: or {NUM})?(?= )"
    rf"(?! (?:[A-Z]{{3}}|days?|weeks?|months?|into)\b)"
)
OF_AGE = re.compile(rf" (?:girl|boy|man|woman|lady|kid|child) of {NUM}(?= )(?! [A-Z]{{3}} )")
ORDINAL = re.compile(rf" {NUM}th (?:birthday|bday|b day|birthdays)(?= )")
THE_NTH = re.compile(
    rf" (?:'s|his|her|their|my) {NUM}th(?= (?:[,.!;:?)-]|in|on|next|this|party|soon|is"
    rf"|coming|for|and))"
)
LONE = re.compile(rf"(?: [,.;/|:-]|^) {NUM}(?= (?:[,.;/|:-]|$))| {NUM}(?= $)")
AGED = re.compile(
    rf" (?:aged?|ages?|age is|age of|her age is|his age is|age :"
    rf"|age =) {ROUGH}{NUM}(?= )(?! [A-Z]{{3}} )"
)
IS = re.compile(
    rf" (?P<who>[^ ]+) (?:is|'s|are|will be|be|shes|hes|'ll be|am|'re) (?:(?:now|just"
    rf"|only|already|going to be|"
    rf"about to be|turning|going on|like"
    rf"|gonna be) ){{0,4}}{ROUGH}{NUM}(?: or (?P<or>[0-9]{{1,3}}))?(?= )"
    rf"(?! (?:[A-Z]{{3}}|days?|weeks?|months?|%|km|kids|children|people|times|hours?|th|at|"
    rf"max|maximum|tops|each|or less|in total|apiece|the|-)\b)"
)
NOT_WHO = frozenset(
    ("budget", "price", "limit", "max", "maximum", "cost", "it", "that", "spend", "size", "which",
     "there", "we", "minimum", "number", "amount", "total", "cap", "range")
)  # fmt: skip
PAREN = re.compile(rf" [(\[] (?:[a-z]+ ,? ?)?{NUM}(?: (?:-|or) {NUM})? ?(?:y|yrs|f|m)? [)\]](?= )")
AFTER_PERSON = re.compile(
    rf"^(?: (?!and |or |for |on |to |at |with |about |under "
    rf"|, )[a-z']+)? ?[,:]? {ROUGH}{NUM}(?: (?:and"
    rf"|or) (?P<to>[0-9]{{1,2}})(?= [,.;)!]))?(?= (?:[,.;)!?/|:-]|and|who|loves?"
    rf"|likes?|into|$|enjoys|adores|is|with|or|next|this|on|-|hates|tomorrow|today|she"
    rf"|he|they|birthday|bday|in|needs?|soon|has|for)(?: |$)|[,.; ]*$"
    rf"| (?!something )[a-z]+)(?! something)"
)
NOT_AGE_UNIT = re.compile(
    r"^ (?:[A-Z]{3}|days?|weeks?|months?|kids|children|people|%|th|times|each|max"
    r"|tops|euros?|hours?|of|or less|-)(?: |$)"
)
ISH = re.compile(r"^ (?:ish|or so)\b")


@dataclass(frozen=True)
class Said:
    """An age that a text names. `turns`: it is reached on a birthday that is near."""

    start: int
    end: int
    ages: Ages
    confidence: float
    turns: bool = False
    note: str = ""


def ages_with_units(stream: Stream, today: date) -> Iterator[Said]:
    """Ages that cannot be anything else."""
    for found in list(stream.find(BORN)):
        old = today.year - int(found.match[1])
        if 0 <= old <= OLDEST:
            yield _said(stream, found, max(old - 1, 0), old, 0.9)
    for rule in (SPAN_OLD, SPAN_AGED):
        for found in list(stream.find(rule)):
            low, high = sorted((int(found.match[1]), int(found.match[2])))
            if high <= OLDEST:
                yield _said(stream, found, low, high, 0.95)
    for found in list(stream.find(OLD)):
        m = found.match
        yield from _one(stream, found, int(m[2] or m[4]), m["rough"] or m["rough2"], 0.95)
    for found in list(stream.find(YOUNG)):
        months = (
            int(found.match[1])
            if found.match[2].startswith("mo") or found.match[2].startswith("mt")
            else 0
        )
        yield _said(stream, found, min(months // 12, OLDEST), min(months // 12, OLDEST), 0.9)
    for found in list(stream.find(DECADE)):
        if DECADE_LED.search(found.match.group()):
            yield _decade(stream, found)
    yield from _reached(stream)


def _reached(stream: Stream) -> Iterator[Said]:
    """`turns 30`, `her 30th birthday`, `aged 30`."""
    for rule, turns in (
        (ORDINAL, True),
        (TURN, True),
        (THE_NTH, True),
        (AGED, False),
        (OF_AGE, False),
    ):
        for found in list(stream.find(rule)):
            m = found.match
            numbers = [int(g) for g in m.groups() if g and g.strip().isdecimal()]
            rough = m.groupdict().get("rough")
            if len(numbers) == 2 and max(numbers) <= OLDEST:
                yield _said(stream, found, min(numbers), max(numbers), 0.9, turns)
            elif numbers:
                end = found.end - 1 if rule is ORDINAL else found.end  # leaves the birthday
                yield from _one(stream, Found(found.start, end, m), numbers[0], rough, 0.95, turns)


def ages_by_place(stream: Stream, people: list[tuple[int, int]]) -> Iterator[Said]:
    """`she is 30`, `my sister (30)`, `my sister, 30, ...`: numbers that stand where ages do."""
    for found in list(stream.find(IS)):
        number = found.match["who"]
        if number not in NOT_WHO:
            high = found.match["or"]
            value = int(
                [g for g in found.match.groups() if g and g.strip().isdecimal()][
                    0 if not number.isdecimal() else 1
                ]
            )
            start = found.start + 1
            inner = Found(start, found.end, found.match)
            if high and int(high) <= OLDEST:
                low, top = sorted((value, int(high)))
                yield _said(stream, inner, low, top, 0.85)
            else:
                yield from _one(stream, inner, value, found.match["rough"], 0.85)
    for found in list(stream.find(PAREN)):
        numbers = sorted(int(g) for g in found.match.groups() if g)
        at = stream.tokens[found.start].start
        if stream.text[max(at - 1, 0) : at].isalnum():  # a call in code, as in "f(1)"
            continue
        if numbers[-1] <= OLDEST:
            yield _said(stream, found, numbers[0], numbers[-1], 0.85)
    for _, end in people:
        place = stream.place_after(end) - 1
        match = AFTER_PERSON.match(stream.plain[place : place + 60])
        if match is None or NOT_AGE_UNIT.match(stream.plain[place + match.end() :][:20]):
            continue
        token = stream.token_at(place + match.start(2))
        if stream.free[token] and stream.word(token) == match[2]:
            if match["to"]:
                found = Found(token, token + 3, match)
                low, top = sorted((int(match[2]), int(match["to"])))
                yield _said(stream, found, low, top, 0.7)
                continue
            found = Found(token, token + 1, match)
            yield from _one(stream, found, int(match[2]), match["rough"], 0.7)


def lone_ages(stream: Stream) -> Iterator[Said]:
    """`wife. 34. running`: a number by itself, where a sum was said with its currency."""
    for found in list(stream.find_group(LONE)):
        age = int(found.match[1] or found.match[2])
        if 0 < age <= OLDEST:
            yield _said(stream, found, age, age, 0.5)
            return


def _one(
    stream: Stream,
    found: Found,
    age: int,
    rough: str | None,
    confidence: float,
    turns: bool = False,
) -> Iterator[Said]:
    if not 0 <= age <= OLDEST or not all(stream.free[found.start : found.end]):
        return
    low = high = age
    after = stream.plain[stream.place_after(found.end) - 1 :][:12]
    if rough and rough.startswith(("near", "almost", "close")):
        low = max(age - 1, 0)
    elif rough or ISH.match(after):
        low, high = max(age - 2, 0), min(age + 2, OLDEST)
    yield _said(stream, found, low, high, confidence, turns)


def _decade(stream: Stream, found: Found) -> Said:
    text, first = found.match.group(), int(found.match[1])
    low, high = first, first + 9
    if " early " in text:
        high = first + (9 if " late " in text else 3)
    elif " mid " in text:
        low, high = first + 4, first + 6
    elif " late " in text:
        low = first + 7
    return _said(stream, found, low, min(high, OLDEST), 0.9)


def _said(
    stream: Stream, found: Found, low: int, high: int, confidence: float, turns: bool = False
) -> Said:
    stream.claim(found.start, found.end)
    note = stream.typo(found.start, found.end)
    return Said(found.start, found.end, Ages(low=low, high=high), confidence, turns, note)

"""Fields of an address, whatever they hold: what is of no use is left out, or told in `faults`."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from urllib.parse import parse_qsl

from giftrec.money import Money
from giftrec.schema import OLDEST, YOUNGEST
from giftrec.vocabulary import Vocabulary
from reccore.errors import UserError

YEAR = 365
MOST_WORDS, LONGEST_WORD = 20, 200  # free words of a field, and letters of one
MOST_AWAY = 60  # gifts that are set aside: the latest
LONGEST_ID = 120
RICHEST = 10**9  # minor units: beyond any gift
LONGEST_QUERY = 16_000  # characters of an address that are read
FIELDS = 300
AWAY = {"s": "swap", "n": "dismiss", "o": "owned"}  # why a gift is set aside
SEPARATORS = "[,;\n]"


def read_query(query: str) -> list[tuple[str, str]]:
    """The fields of an address, whatever it holds."""
    try:
        return parse_qsl(query[:LONGEST_QUERY], max_num_fields=FIELDS, errors="replace")
    except ValueError:
        return []


def plain(money: Money | None) -> str:
    """An amount as fields have it: 60, 59.90."""
    if money is None:
        return ""
    amount = str(money).split()[0]
    return amount.rstrip("0").rstrip(".") if amount.endswith("00") and "." in amount else amount


def known(vocabulary: Vocabulary, factor: str, word: str) -> str:
    return word if word in vocabulary.levels(factor) else ""


def all_known(vocabulary: Vocabulary, factor: str, words: Iterable[str]) -> tuple[str, ...]:
    given = set(words)
    return tuple(word for word in vocabulary.levels(factor) if word in given)[:MOST_WORDS]


def age_of(text: str, faults: list[str]) -> int | None:
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 3 and YOUNGEST <= int(text) <= OLDEST:
        return int(text)
    faults.append("fault.age")
    return None


def money_of(text: str, currency: str, what: str, faults: list[str]) -> Money | None:
    if not text:
        return None
    try:
        money = Money.parse(f"{text.replace(',', '.')} {currency}")
    except UserError:
        money = None
    if money is None or not 0 < money.minor <= RICHEST:
        faults.append(f"fault.{what}")
        return None
    return money


def day_of(text: str, today: date, faults: list[str]) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        faults.append("fault.by")
        return None
    if day < today:
        faults.append("fault.past")
        return None
    return min(day, today + timedelta(days=YEAR))


def free_words(texts: Iterable[str], faults: list[str]) -> tuple[str, ...]:
    """Free words, a comma between them."""
    found: dict[str, None] = {}
    for text in texts:
        for word in re.split(SEPARATORS, text):
            tidy = " ".join("".join(c if c.isprintable() else " " for c in word).split())
            if len(tidy) > LONGEST_WORD:
                faults.append("fault.words")
            elif tidy:
                found[tidy] = None
    if len(found) > MOST_WORDS:
        faults.append("fault.words")
    return tuple(found)[:MOST_WORDS]


def id_of(text: str) -> str:
    return text if 0 < len(text) <= LONGEST_ID and text.isprintable() else ""


def ids_of(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if id_of(text)))[-MOST_AWAY:]


def away_of(texts: Iterable[str]) -> dict[str, str]:
    found = {text[1:]: text[0] for text in texts if text[:1] in AWAY and id_of(text[1:])}
    return dict(list(found.items())[-MOST_AWAY:])

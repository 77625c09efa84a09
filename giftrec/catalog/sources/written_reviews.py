"""Reviews that a list of gifts keeps in one text field, as rows.

Known forms: `title // stars // day // By name on day // text`, reviews separated by ` | `; a JSON
list of objects; anything else is one review without stars.
"""

import json
import re
from datetime import date
from typing import Any, NamedTuple

from giftrec.catalog.cleaning import clean_day, clean_stars, clean_text

ONE = re.compile(
    r"(?P<title>.*?) // (?P<stars>\d(?:\.\d)?) // (?P<day>[^/]*) // (?P<by>.*?) // (?P<text>.*)"
)
BY = re.compile(r"^By (?P<name>.*?)(?: on (?P<day>[^/]*\d{4}))?$")
STARS_ONLY = re.compile(r"(?:one|two|three|four|five) stars?", re.IGNORECASE)
BETWEEN = " | "
NAMES = {  # of the fields of a JSON review
    "stars": ("stars", "rating", "score"),
    "text": ("text", "body", "review", "comment", "content"),
    "title": ("title", "headline", "summary"),
    "on": ("on", "date", "day", "created_at"),
    "reviewer": ("reviewer", "author", "user", "name", "customer"),
}


class Written(NamedTuple):
    """One review. `reviewer` is still a name here: it becomes a number before it is stored."""

    stars: int | None
    text: str
    on: date | None
    reviewer: str | None


def read_reviews(raw: str | None) -> tuple[list[Written], int]:
    """The reviews of one field, and how many beginnings of reviews were cut off."""
    if raw is None or not raw.strip():
        return [], 0
    if raw.lstrip().startswith(("[", "{")):
        return _json(raw), 0
    text = clean_text(raw).value
    if " // " not in text:
        return ([Written(None, text, None, None)] if text else []), 0
    found: list[Written] = []
    cut = 0
    parts = text.split(BETWEEN)
    for number, part in enumerate(parts):
        match = ONE.fullmatch(part.strip())
        if match is not None:
            found.append(_written(match))
        elif found and number < len(parts) - 1:
            found[-1] = found[-1]._replace(text=found[-1].text + BETWEEN + part)
        else:
            cut += 1
    return found, cut


def _written(match: re.Match[str]) -> Written:
    by = BY.match(match["by"].strip())
    return Written(
        stars=_stars(match["stars"]),
        text=_joined(match["title"], match["text"]),
        on=clean_day(match["day"]).value,
        reviewer=(by["name"].strip() or None) if by else None,
    )


def _joined(title: str, text: str) -> str:
    title, text = title.strip(), text.strip()
    if not title or STARS_ONLY.fullmatch(title) or text.startswith(title):
        return text or title
    return f"{title}{'' if title[-1] in '.!?' else '.'} {text}".strip()


def _stars(raw: str | None) -> int | None:
    value = clean_stars(raw).value
    return None if value is None else min(5, max(1, round(value)))


def _json(raw: str) -> list[Written]:
    try:
        content: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return [Written(None, clean_text(raw).value, None, None)]
    found = []
    for entry in content if isinstance(content, list) else [content]:
        if not isinstance(entry, dict):
            found.append(Written(None, clean_text(str(entry)).value, None, None))
            continue
        named = {
            field: next((str(entry[n]) for n in names if entry.get(n) is not None), None)
            for field, names in NAMES.items()
        }
        text = _joined(*(clean_text(named[f] or "").value for f in ("title", "text")))
        found.append(
            Written(_stars(named["stars"]), text, clean_day(named["on"]).value, named["reviewer"])
        )
    return found

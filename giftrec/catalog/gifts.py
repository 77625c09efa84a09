"""The catalogue's gifts: the 45 that ship, a user's own, or thousands made from them."""

import json
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from giftrec.schema import Gift
from giftrec.vocabulary import Vocabulary, default_vocabulary
from reccore.data.seeds import rng
from reccore.errors import UserError

MAX_BYTES = 40 << 20


def default_gifts() -> tuple[Gift, ...]:
    """The 45 gifts that ship."""
    text = files(__package__).joinpath("gifts.json").read_text(encoding="utf-8")
    return parse_gifts(json.loads(text), "gifts.json", default_vocabulary())


def load_gifts(path: Path, vocabulary: Vocabulary) -> tuple[Gift, ...]:
    """A user's own gifts: a JSON list of objects as in the shipped gifts.json."""
    return parse_gifts(read_json(path), str(path), vocabulary)


def read_json(path: Path, limit: int = MAX_BYTES) -> Any:
    """JSON of a file that is not unreasonably large, or a clear refusal."""
    try:
        size = path.stat().st_size
        if size > limit:
            raise UserError(
                f"{path} has {size >> 20} MiB, more than the {limit >> 20} MiB that are read",
                "split it into smaller files",
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"no such file: {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is not readable JSON: {error}") from None


def parse_gifts(content: Any, source: str, vocabulary: Vocabulary) -> tuple[Gift, ...]:
    if not isinstance(content, list):
        raise UserError(f"{source} is not a list of gifts", "a JSON list of objects")
    if not content:
        raise UserError(f"{source} has no gifts", "an empty world has nothing to recommend")
    gifts = []
    for number, entry in enumerate(content, start=1):
        where = f"{source}, gift {number}"
        gift = parse_record(Gift, entry, where)
        gift.check(vocabulary, f"{where} ({printable(gift.id)})")
        gifts.append(gift)
    seen: set[str] = set()
    for gift in gifts:
        if gift.id in seen:
            raise UserError(f"{source}: the gift id {gift.id!r} is there twice", "ids are unique")
        seen.add(gift.id)
    return tuple(gifts)


def printable(text: object) -> str:
    """A user's text for an error of one line."""
    return "".join(c if c.isprintable() else "?" for c in str(text))[:120]


def parse_record(cls: Any, entry: Any, where: str) -> Any:
    """One pydantic record of plain JSON; an error names place, field and value."""
    try:
        return cls.model_validate_json(json.dumps(entry))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        value = f"={first['input']!r}" if field and first["type"] != "missing" else ""
        place = f"{where}, field {field}{value}"[:300] if field else where
        raise UserError(place, first["msg"].removeprefix("Value error, ")) from None


def many_gifts(count: int, seed: int) -> tuple[Gift, ...]:
    """Any number of gifts: the shipped ones first, then variations of them."""
    if count < 1:
        raise UserError(f"{count} gifts make no world", "ask for at least 1")
    base = default_gifts()
    if count <= len(base):
        return base[:count]
    draw = rng(seed, "gifts")
    made = list(base)
    everything: Sequence[str] = list(default_vocabulary().occasions)
    factors = np.exp(draw.normal(0, 0.35, count))
    quality, trend = draw.random(count), draw.random(count)
    for number in range(len(base), count):
        model = base[int(draw.integers(len(base)))]
        occasions = {*model.occasions[:-1], str(draw.choice(everything))}
        made.append(
            model.model_copy(
                update={
                    "id": f"{model.id}-{number}",
                    "title": f"{model.title} no. {number}",
                    "price": max(300, int(model.price * factors[number])),
                    "occasions": tuple(sorted(occasions)),
                    "quality": round(0.3 + 0.65 * float(quality[number]), 3),
                    "trendiness": round(float(trend[number]), 3),
                }
            )
        )
    return tuple(made)


def words_of(text: str) -> list[str]:
    """Lower-case words of a text."""
    return re.findall(r"[a-z]+", text.lower())

"""The sentence a shopper said, beside what was understood of it.

It is kept in a cookie of the shopper's browser until that is closed, so that the page can show
which words were understood; the address only holds a mark of it, by which another tab's sentence is
told apart.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from giftrec.asking import Heard, all_from_sentence
from giftrec.vocabulary import Vocabulary
from giftrec.web.asked import Asked
from giftrec.web.words import Said, Words
from reccore.errors import UserError

COOKIE = "sentence"
ROOM = 3000  # bytes of it in the cookie
MOST_PEOPLE = 6
STRANGE = "not understood: "


@dataclass(frozen=True)
class Part:
    """Some of the sentence; `understood` where it told something."""

    text: str
    understood: bool


@dataclass(frozen=True)
class Recipient:
    """One of several people of a sentence, and where the gifts for them are."""

    name: str
    address: str
    shown: bool


@dataclass(frozen=True)
class Told:
    """What the page says of a sentence."""

    parts: tuple[Part, ...]
    strange: tuple[str, ...]  # words that were not understood
    assumed: tuple[Said, ...]
    people: tuple[Recipient, ...]  # none where it is one
    called: str  # the recipient, as the sentence says


def mark_of(text: str) -> str:
    """Tells one sentence from another; it says nothing of either."""
    return hashlib.sha256(b"sentence!" + text.encode("utf-8", "replace")).hexdigest()[:8]


def kept(request: Request) -> str:
    """The sentence of the cookie; "" where there is none that can be read."""
    value = request.cookies.get(COOKIE, "")
    try:
        return urlsafe_b64decode(value.encode("ascii")).decode()
    except ValueError:  # of base64, of ASCII, of UTF-8
        return ""


def keep(text: str, request: Request, response: Response) -> None:
    """In the browser, if there is room, until it is closed."""
    value = urlsafe_b64encode(text.encode()).decode()
    if len(value) <= ROOM:
        response.set_cookie(
            COOKIE, value, path="/", httponly=True, samesite="strict",
            secure=request.scope["scheme"] == "https",
        )  # fmt: skip


def heard_of(text: str, on: date, vocabulary: Vocabulary, currency: str) -> tuple[Heard, ...]:
    """A wish for each of its people."""
    return all_from_sentence(text, on, vocabulary, currency=currency)[:MOST_PEOPLE]


def asked_of(heard: Heard, text: str, currencies: tuple[str, ...]) -> Asked:
    """A wish as the form shows it; money that cannot be converted is left out, and said."""
    asked, wish = Asked.of_wish(heard.wish), heard.wish
    asked = replace(asked, heard=mark_of(text) + str(heard.person))
    if asked.currency not in currencies:
        return replace(asked, budget=None, least=None, currency=currencies[0])
    if wish.at_least is not None and wish.at_least.currency != asked.currency:
        return replace(asked, least=None)
    return asked


def told(
    request: Request,
    asked: Asked,
    on: date,
    vocabulary: Vocabulary,
    currencies: tuple[str, ...],
    words: Words,
) -> Told | None:
    """What is to be said of the sentence this address came from, if the browser still has it."""
    text = kept(request)
    if not text or asked.heard[:-1] != mark_of(text):
        return None
    try:
        every = heard_of(text, on, vocabulary, currencies[0])
    except UserError:
        return None
    at = int(asked.heard[-1]) if asked.heard[-1].isdigit() else 0
    if at >= len(every):
        return None
    heard = every[at]
    strange = [one.removeprefix(STRANGE) for one in heard.missing if one.startswith(STRANGE)]
    assumed = [words.said(one) for one in heard.missing if not one.startswith(STRANGE)]
    money = heard.wish.profile.budget.currency
    if money not in currencies:
        assumed.append(Said(words("fault.currency", currency=money)))
    people = [
        Recipient(
            words.term("relationship", one.wish.profile.relationship),
            asked_of(one, text, currencies).address,
            one is heard,
        )
        for one in every
    ]
    return Told(
        parts=_parts(text, heard),
        strange=tuple(strange),
        assumed=tuple(assumed),
        people=tuple(people) if people[1:] else (),
        called=_called(text, heard),
    )


def _called(text: str, heard: Heard) -> str:
    """ "sister" of "my sister turns 30"; "" where the sentence names nobody."""
    slot = heard.parsed.people[heard.person].relationship if heard.parsed else None
    return "" if slot is None else text[slot.start : slot.end].lower()


def _parts(text: str, heard: Heard) -> tuple[Part, ...]:
    """The sentence, cut where something was understood of this person."""
    if heard.parsed is None:
        return (Part(text, False),)
    person = heard.parsed.people[heard.person]
    slots = [
        person.relationship, person.age, person.occasion, person.budget, person.needed_by,
        *person.hobbies, *person.preferences, *person.excluded, *person.owned,
    ]  # fmt: skip
    spans = sorted((slot.start, slot.end) for slot in slots if slot is not None)
    parts, at = [], 0
    for start, end in spans:
        if end <= at:
            continue
        if start > at:
            parts.append(Part(text[at:start], False))
        parts.append(Part(text[max(start, at) : end], True))
        at = end
    if at < len(text):
        parts.append(Part(text[at:], False))
    return tuple(parts)

"""What was asked, as the agent is asked, and said back so that it can be seen and changed."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import Field

from giftrec.agent.wish import Wish
from giftrec.api.models import Recipient, Recommend
from giftrec.asking import Heard, Options, from_sentence, from_words, options_of
from giftrec.asking.terms import Reader
from giftrec.counter import Desk
from giftrec.money import Money, RateTable, in_currency
from giftrec.schema import Profile, Record
from giftrec.sentence import Parsed
from reccore.errors import UserError
from reccore.serve.refusal import Refusal

STRANGE = "not understood: "
FACTORS = (
    ("hobbies", "hobby"),
    ("preferences", "preference"),
    ("relationship", "relationship"),
    ("occasion", "occasion"),
)


class Understood(Record):
    """A wish in the words it was taken in."""

    profile: Profile = Field(description="the budget in the shopper's money")
    needed_by: date = Field(description="the last day on which the gift may arrive")
    wishes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    at_least: Money | None = None
    like: str | None = None
    assumed: tuple[str, ...] = Field((), description="what was not said, or taken for what")
    not_understood: tuple[str, ...] = Field((), description="words of the text")
    parsed: Parsed | None = Field(None, description="what was read of the text, and where")

    @classmethod
    def of(cls, heard: Heard) -> "Understood":
        wish, said = heard.wish, heard.missing
        return cls(
            profile=wish.profile,
            needed_by=wish.day,
            wishes=wish.wishes,
            excluded=wish.excluded,
            owned=wish.owned,
            at_least=wish.at_least,
            like=wish.like,
            assumed=tuple(words for words in said if not words.startswith(STRANGE)),
            not_understood=tuple(w.removeprefix(STRANGE) for w in said if w.startswith(STRANGE)),
            parsed=heard.parsed,
        )


def heard(asked: Recommend, on: date, desk: Desk, rates: RateTable | None) -> Heard:
    """The wish of a request; what is wrong with it is refused by the field it stands in."""
    words, currency = desk.vocabulary, desk.snapshot.currency
    recipient = asked.recipient or Recipient()
    _known_words(recipient, desk)
    if asked.like is not None and asked.like not in desk.snapshot.index:
        raise unknown_gift(asked.like, "like", desk)
    given = {"rates": rates, "currency": currency, "terms": desk.front.texts.terms}
    try:
        options = _options(asked, recipient)
        if asked.text is None:
            found = from_words(options, on, words, free=False, **given)  # type: ignore[arg-type]
        else:
            found = from_sentence(asked.text, on, words, changes=options, **given)  # type: ignore[arg-type]
    except UserError as error:
        field = "recipient" if asked.text is None else "text"
        raise Refusal(
            422, "invalid", error.problem, field=field, remedy=error.remedy or None
        ) from None
    _payable(found.wish, currency, rates, recipient)
    return found


def _options(asked: Recommend, recipient: Recipient) -> Options:
    given: dict[str, Any] = {
        name: getattr(recipient, name)
        for name in Recipient.model_fields
        if name not in ("budget", "at_least")
    }
    for name in ("budget", "at_least"):
        amount = getattr(recipient, name)
        given[name] = amount and Money(minor=amount.minor, currency=amount.currency)
    for name in ("wishes", "excluded", "owned", "not_these", "like", "count"):
        given[name] = getattr(asked, name)
    return options_of(**given)


def _known_words(recipient: Recipient, desk: Desk) -> None:
    """Words that stand in no vocabulary, by the field they stand in."""
    reader = Reader(desk.vocabulary, False, desk.front.texts.terms)
    for field, factor in FACTORS:
        given: str | Sequence[str] = getattr(recipient, field) or ()
        try:
            if isinstance(given, str):
                reader.one(factor, given)
            else:
                reader.some(factor, given)
        except UserError as error:
            raise Refusal(
                422, "unknown_word", error.problem,
                field=f"recipient.{field}", remedy=error.remedy,
            ) from None  # fmt: skip


def _payable(wish: Wish, currency: str, rates: RateTable | None, recipient: Recipient) -> None:
    """Money that cannot be compared with the catalogue's is refused."""
    for name, money in (("budget", wish.profile.budget), ("at_least", wish.at_least)):
        try:
            if money is not None:
                in_currency(money, currency, rates)
        except UserError as error:
            field = f"recipient.{name}" if getattr(recipient, name) is not None else "text"
            raise Refusal(
                422, "unknown_currency", error.problem, field=field,
                remedy=f"give amounts in {currency}",
            ) from None  # fmt: skip


def unknown_gift(gift: str, field: str, desk: Desk) -> Refusal:
    """A gift that the catalogue does not have."""
    return Refusal(
        422, "unknown_gift", f"no gift {gift[:120]!r} in this catalogue", field=field,
        remedy="GET /v1/catalogue/search finds ids",
    )  # fmt: skip

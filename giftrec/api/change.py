"""From an earlier wish and one change to the next wish."""

from datetime import date
from typing import Any

from pydantic import ValidationError

from giftrec.agent.wish import Wish
from giftrec.api.models import Next
from giftrec.api.understood import unknown_gift
from giftrec.counter import Desk
from giftrec.kept import Kept
from reccore.serve.refusal import Refusal


def changed(before: Kept, change: Next, on: date, desk: Desk) -> tuple[Wish, tuple[str, ...]]:
    """The wish as it is asked today, and what had to be assumed."""
    wish = before.wish
    update: dict[str, Any] = {"on": on}
    assumed: tuple[str, ...] = ()
    if wish.day < on:
        days = wish.profile.days_left
        update["needed_by"] = None
        assumed = (f"the day {wish.day} is past: {days} days taken",)
    elif wish.on != on:
        update["needed_by"] = wish.day
    if change.swap is not None:
        _of_slate(before, change.swap, "swap")
        update["not_these"] = (*wish.not_these, change.swap)
    elif change.more_like is not None:
        if change.more_like not in desk.snapshot.index:
            raise unknown_gift(change.more_like, "more_like", desk)
        update["like"] = change.more_like
    elif change.owns is not None:
        number = desk.snapshot.index.get(change.owns)
        if number is None:
            raise unknown_gift(change.owns, "owns", desk)
        title = str(desk.snapshot.gifts["title"][number])[:200]
        update["owned"] = (*wish.owned, title)
        update["not_these"] = (*wish.not_these, change.owns)
    else:
        assert change.exclude is not None
        update["excluded"] = (*wish.excluded, change.exclude)
    return _sound(wish, update, change), assumed


def _of_slate(before: Kept, gift: str, field: str) -> None:
    if gift not in before.shown:
        raise Refusal(
            422, "not_shown", f"the gift {gift!r} is none of that recommendation", field=field,
            remedy=f"shown were: {', '.join(before.shown) or 'none'}",
        )  # fmt: skip


def _sound(wish: Wish, update: dict[str, Any], change: Next) -> Wish:
    """A wish holds no more words than it may, and no word twice."""
    for name in ("owned", "excluded", "not_these"):
        if name in update:
            update[name] = tuple(dict.fromkeys(update[name]))
    given = {name: getattr(wish, name) for name in Wish.model_fields}
    try:
        return Wish(**{**given, **update})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = next(name for name in Next.model_fields if getattr(change, name) is not None)
        raise Refusal(
            422, "too_many_changes", f"{first['loc'][0]}: {first['msg']}", field=field,
            remedy="ask POST /v1/recommendations anew",
        ) from None  # fmt: skip

"""From the stores of feedback and of recommendations to what was heard.

Nothing here names a person or prints a wish: what is left out is counted, by reason.
"""

import asyncio
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from giftrec.catalog.world import World
from giftrec.kept import Kept, KeptSettings, KeptStore, open_kept
from giftrec.learn.heard import Heard
from giftrec.learn.meaning import KINDS, Kind, last_word, preferences
from giftrec.schema import Profile
from reccore.errors import UserError
from reccore.serve.address import place
from reccore.serve.feedback import Event, Store, open_store
from reccore.serve.refusal import Refusal

FULL = 10  # of one person's recommendations count fully; more share that weight

Reactions = Mapping[str, Kind | None]  # gift -> last word


@dataclass(frozen=True)
class Gathered:
    """What there is to learn from, and how much could not be used."""

    heard: tuple[Heard, ...]
    events: int
    people: int
    left_out: Mapping[str, int]  # by reason

    def __str__(self) -> str:
        many = sum(len(one.preferred) for one in self.heard)
        words = f"{self.events} events, {self.people} people: {len(self.heard)} recommendations"
        words += f" with {many} comparisons"
        if self.left_out:
            reasons = (f"{count} {reason}" for reason, count in sorted(self.left_out.items()))
            words += "; left out: " + ", ".join(reasons)
        return words


def read(feedback: str, kept: str | None, world: World) -> Gathered:
    """From the addresses of the two stores; the second is beside the first unless it is named."""
    there = place(feedback, "feedback")
    beside = kept or (there if isinstance(there, str) else there.with_name(KeptSettings().url))
    for address, what in ((feedback, "feedback"), (beside, "recommendations")):
        file = place(address, what)
        if isinstance(file, Path) and not file.is_file():
            option = "--feedback" if what == "feedback" else "--kept"
            raise UserError(f"there is no file of {what} at {file}", f"name it with {option}")

    async def both() -> Gathered:
        with tempfile.TemporaryDirectory() as spool:
            events = open_store(feedback, spool)
            try:
                made = open_kept(beside)
                try:
                    return await gather(events, made, world)
                finally:
                    await made.close()
            finally:
                await events.close()

    try:
        return asyncio.run(both())
    except Refusal as refusal:
        raise UserError(refusal.message, "try again when it answers") from None


async def gather(feedback: Store, kept: KeptStore, world: World) -> Gathered:
    """Join events with the recommendations that they react to."""
    left_out: Counter[str] = Counter()
    said: dict[str, dict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    events = 0
    async for batch in feedback.export():
        for event in batch:
            events += 1
            if event.kind not in KINDS:
                left_out["events of another kind"] += 1
            elif event.recommendation is None:
                left_out["events without a recommendation"] += 1
            else:
                said[event.recommendation][event.user].append(event)
    people = Counter(user for users in said.values() for user in users)
    heard: list[Heard] = []
    async for part in kept.export():
        for one in part:
            reactions = said.pop(one.id, {})
            profile = _profile(one, world) if reactions else None
            for user, reacted in sorted(reactions.items()):
                share = min(1.0, FULL / people[user])
                _hear(heard, one, profile, reacted, share, world, left_out)
    lost = sum(len(users) for users in said.values())
    if lost:
        left_out["reactions to recommendations that are not kept"] += lost
    return Gathered(tuple(heard), events, len(people), dict(left_out))


def _hear(
    heard: list[Heard],
    one: Kept,
    profile: Profile | None,
    events: list[Event],
    share: float,
    world: World,
    left_out: Counter[str],
) -> None:
    """One person's reactions to one recommendation."""
    if profile is None:
        left_out["reactions for recipients in other words or money"] += 1
        return
    kinds: dict[str, list[Kind]] = defaultdict(list)
    for event in events:
        kinds[event.item].append(cast(Kind, event.kind))
    strangers = kinds.keys() - set(one.shown)
    if strangers:
        left_out["gifts that were not shown"] += len(strangers)
    known = [gift for gift in dict.fromkeys(one.shown) if gift in world.index]
    if len(known) < len(one.shown):
        left_out["gifts that are not in training"] += len(one.shown) - len(known)
    found = preferences(known, {g: last_word(kinds[g]) for g in known if g in kinds}, share)
    if found:
        places = [one.shown.index(gift) for gift in known]
        told = {tool: tuple(values[p] for p in places) for tool, values in one.told.items()}
        heard.append(Heard(profile=profile, gifts=tuple(known), told=told, preferred=found))
    else:
        left_out["reactions that compare nothing"] += 1


def _profile(one: Kept, world: World) -> Profile | None:
    """The recipient as the model sees them; none: in words or money that the world has not."""
    days = min((one.wish.day - one.wish.on).days, 365)
    profile = one.wish.profile.model_copy(update={"days_left": days})
    if profile.budget.currency != world.currency:
        return None
    try:
        profile.check(world.vocabulary)
    except UserError:
        return None
    return profile

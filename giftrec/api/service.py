"""From what is asked to a recommendation: what both the API's routes and the pages call."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from pydantic import Field

from giftrec.agent.reply import Reply
from giftrec.agent.wish import Wish
from giftrec.api.change import changed
from giftrec.api.gifts import Gifts
from giftrec.api.models import Next, Recommend
from giftrec.api.understood import Understood, heard
from giftrec.asking import Heard
from giftrec.counter import Counter, Desk
from giftrec.kept import Kept, new_id
from giftrec.schema import Record
from reccore.serve.live import Serving
from reccore.serve.product import Job, Question, Staged
from reccore.serve.refusal import Refusal
from reccore.serve.rollout import unit_of
from reccore.serve.server import Server
from reccore.serve.work import Turns

UNCHECKED = "not_checked_now"  # what the last gate could not look up
PASSING = ("timeout", "error")  # of a tool: it may be better the next time


class Degraded(Record):
    """What was not as asked: a code for programs, words for people."""

    code: str
    words: str


class Made(Record):
    """An answer as the cache keeps it."""

    wish: Wish
    understood: Understood
    reply: Reply
    degraded: tuple[Degraded, ...]  # last: so the server finds it


class Recommendation(Record):
    """An answer with the facts of this one time."""

    id: str | None = Field(description="none: it could not be kept")
    wish: Wish
    understood: Understood
    reply: Reply
    degraded: tuple[Degraded, ...]
    took_ms: float
    cached: str | None
    model_version: str
    arm: str


async def recommended(server: Server[Counter], asked: Recommend, user: str = "") -> Recommendation:
    """The slate for what is asked; `user`: who asks, where the request does not say."""
    gifts, who = Gifts.of(server), asked.user or user
    on = gifts.today()

    def listen(desk: Desk) -> Heard:
        return heard(asked, on, desk, gifts.rates)

    request = asked.model_dump_json(exclude={"user"}, exclude_defaults=True)
    return await _answered(server, _Making(request, on, who, listen, asked.explain))


async def next_one(server: Server[Counter], id: str, change: Next) -> Recommendation:
    """The slate after one change to an earlier one."""
    gifts = Gifts.of(server)
    before = await gifts.kept.get(id)
    if before is None:
        raise Refusal(
            404, "unknown_recommendation", f"there is no recommendation {id[:64]!r}",
            remedy="ask POST /v1/recommendations for a new one",
        )  # fmt: skip
    on = gifts.today()
    wish, assumed = changed(before, change, on, server.champion.bundle.desk)

    def listen(desk: Desk) -> Heard:
        return Heard(wish=wish, parsed=None, missing=assumed)

    passed_over = before.passed_over
    if change.swap is not None and change.swap not in passed_over:
        passed_over += (change.swap,)
    request = " ".join((wish.model_dump_json(), *assumed))
    making = _Making(request, on, before.user or "", listen, explain=True)
    return await _answered(server, making, passed_over)


async def wished(server: Server[Counter], wish: Wish, user: str = "") -> Recommendation:
    """The slate for a wish made elsewhere; what it names in `not_these` was passed over."""
    wish = wish.model_copy(update={"on": Gifts.of(server).today()})

    def listen(desk: Desk) -> Heard:
        return Heard(wish=wish, parsed=None)

    making = _Making(wish.model_dump_json(), wish.on, user, listen, explain=True)
    return await _answered(server, making, wish.not_these)


@dataclass
class _Making:
    """One question on its way. Nobody's answer differs from another's, so its key names nobody."""

    request: str
    on: date
    user: str
    listen: Callable[[Desk], Heard]
    explain: bool
    desks: dict[str, Desk] = field(default_factory=dict)
    made: dict[bytes, Made] = field(default_factory=dict)  # here and now
    passing: bool = False  # something did not answer, and may the next time

    @property
    def question(self) -> Question[Counter]:
        return Question(
            user="",
            unit=unit_of(self.user or None, None, (self.request,)),
            request=f"{self.on} {self.explain:d} {self.request}".encode(),
            make=self.make,
            stands_on=lambda serving: self.desk(serving).fingerprint.encode(),
            keep=lambda: not self.passing,
            shown=_shown,
        )

    def desk(self, serving: Serving[Counter]) -> Desk:
        """Looked for once: key and answer are of the same catalogue."""
        return self.desks.setdefault(serving.label, serving.bundle.desk)

    async def make(self, serving: Serving[Counter]) -> tuple[Job | Staged, tuple[str, ...]]:
        desk = self.desk(serving)
        agent = desk.agent if self.explain else desk.brief

        async def run(turns: Turns) -> bytes:
            found = await turns(lambda: self.listen(desk))
            reply = await agent.recommend(found.wish, turns)
            degraded = tuple(_degraded(words) for words in reply.degraded)
            self.passing = any(tool.status in PASSING for tool in reply.tools) or any(
                one.code == UNCHECKED for one in degraded
            )
            understood = Understood.of(found)
            made = Made(wish=found.wish, understood=understood, reply=reply, degraded=degraded)
            body = made.__pydantic_serializer__.to_json(made)
            self.made[body] = made
            return body

        return Staged(run), ()


def _degraded(words: str) -> Degraded:
    """`inventory_check: timeout (...)` is of the code `inventory_check`."""
    tool = words.partition(":")[0]
    return Degraded(code=tool if tool.isidentifier() else UNCHECKED, words=words)


def _shown(body: bytes) -> list[str]:
    return [pick.gift for pick in Made.model_validate_json(body).reply.picks]


async def _answered(
    server: Server[Counter], making: _Making, passed_over: tuple[str, ...] = ()
) -> Recommendation:
    """Ask, and keep it under a new id; where that fails the answer has none, and says so."""
    gifts, user = Gifts.of(server), making.user
    answered = await server.answer(making.question)
    made = making.made.get(answered.body) or Made.model_validate_json(answered.body)
    facts = answered.facts
    degraded = [*made.degraded, *(Degraded(code="server", words=w) for w in answered.degraded)]
    shown = tuple(pick.gift for pick in made.reply.picks)
    gifts.empty += not shown
    id: str | None = None
    try:
        kept = Kept(new_id(), user or None, made.wish, shown, passed_over, int(time.time()))
        await gifts.kept.save(kept)
        id = kept.id
    except Refusal as refusal:
        words = f"it is not kept, so nothing can follow on it: {refusal.message}"
        degraded.append(Degraded(code="not_kept", words=words))
    return Recommendation(
        id=id,
        wish=made.wish,
        understood=made.understood,
        reply=made.reply,
        degraded=tuple(degraded),
        took_ms=facts.took_ms,
        cached=facts.cached,
        model_version=facts.version,
        arm=facts.arm,
    )

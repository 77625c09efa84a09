"""recommend_gifts and next_gifts: from a sentence or a recipient to a slate, and on from there.

An answer is complete in itself: it says how the asking was understood (`wish`), and an assistant
that hands `wish` back needs nothing of this server's memory. The id is only shorter.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, TypeVar

from pydantic import Field

from giftrec.agent.agent import Agent, Asking
from giftrec.agent.reply import Alternative, Pick, Reply, ToolUse
from giftrec.agent.wish import Wish
from giftrec.asking import Heard, Options, from_sentence, from_words
from giftrec.mcp.plain import bullets, pick_lines
from giftrec.mcp.recent import Given
from giftrec.mcp.recipient import NEVER_SHOWN, AskedNext, AskedRecommend, Recipient
from giftrec.mcp.shared import Shared, known
from giftrec.mcp.tool import Answer, Tell, Tool
from giftrec.money import Money, in_currency
from giftrec.schema import Record
from reccore.errors import UserError

T = TypeVar("T")


class Recommended(Record):
    """A slate with everything that is to be said of it."""

    recommendation: str = Field(description="for next_gifts; forgotten after an hour")
    picks: tuple[Pick, ...] = Field(description="amounts are in minor units: 6000 EUR is 60.00")
    missing: tuple[str, ...] = Field(description="what was assumed or not understood: check it")
    people: int = Field(description="people the sentence speaks of; ask for each with `person`")
    alternatives: tuple[Alternative, ...] = Field(description="what more money or time would buy")
    notes: tuple[str, ...]
    degraded: tuple[str, ...] = Field(description="what did not answer as it should")
    tools: tuple[ToolUse, ...] = Field(description="what was asked before choosing")
    text_by: str | None = Field(description="what matched free words, if there were any")
    catalogue: str = Field(description="fingerprint of the catalogue that answered")
    as_of: date = Field(description="the day of that catalogue")
    wish: Wish = Field(description="how the asking was understood")


def recommending_tools(shared: Shared) -> tuple[Tool, ...]:
    async def recommend(asked: AskedRecommend, tell: Tell) -> Answer:
        agent = shared.agent()
        await tell("reading what was asked")
        heard = await shared.worked(lambda: _heard(asked, agent, asked.on or shared.today()))
        people = 1 if heard.parsed is None else len(heard.parsed.people)
        reply = await _reply(heard.wish, agent, shared, tell)
        return _answer(heard.wish, (), reply, heard.missing, people, shared)

    async def next_ones(asked: AskedNext, tell: Tell) -> Answer:
        agent = shared.agent()
        before = _before(asked, shared)
        wish = changed(asked, before, agent)
        reply = await _reply(wish, agent, shared, tell)
        return _answer(wish, before.shown, reply, (), 1, shared)

    return (
        Tool(
            "recommend_gifts",
            "Recommend gifts",
            "Choose presents for one person: different, within the budget, in stock, there in"
            " time, each with the reasons it was chosen for. Give the shopper's own sentence, or"
            " what you know of the recipient, or both. Read `missing`: it says what was assumed;"
            " ask the shopper where that matters. What people state outweighs guesses: leave out"
            " what you do not know.",
            AskedRecommend,
            Recommended,
            recommend,
        ),
        Tool(
            "next_gifts",
            "Other gifts instead",
            "Go on from a recommendation: swap gifts that do not please, show more like one, leave"
            " out what the recipient owns, exclude words, change the budget, or show all new ones.",
            AskedNext,
            Recommended,
            next_ones,
        ),
    )


def _heard(asked: AskedRecommend, agent: Agent, on: date) -> Heard:
    front = agent.front
    options = _options(asked)
    currency = front.snapshot.currency
    around: dict[str, Any] = {
        "currency": currency,
        "rates": agent.rates,
        "terms": front.texts.terms,
    }
    if asked.sentence is None:
        heard = from_words(options, on, front.vocabulary, **around)
    else:
        heard = from_sentence(
            asked.sentence, on, front.vocabulary, person=asked.person, changes=options, **around
        )
    in_currency(heard.wish.profile.budget, currency, agent.rates)  # refuses money without a rate
    return heard


def _options(asked: AskedRecommend) -> Options:
    who = asked.recipient or Recipient()
    given = who.model_dump(exclude={"budget", "at_least"})
    return Options(
        **given,
        budget=_amount(who.budget, "budget"),
        at_least=_amount(who.at_least, "at_least"),
        not_these=asked.not_these,
        count=asked.count,
    )


def _amount(text: str | None, what: str) -> Money | None:
    if text is None:
        return None
    money = Money.parse(text, what)
    if money.minor <= 0:
        raise UserError(f"{what} {text!r} is not above 0", "e.g. 60 EUR")
    return money


def _before(asked: AskedNext, shared: Shared) -> Given:
    if asked.wish is not None:
        return Given(asked.wish, asked.wish.not_these)
    assert asked.recommendation is not None
    given = shared.recent.get(asked.recommendation)
    if given is None:
        raise UserError(
            "recommendation: none with this id is remembered",
            "give `wish` of the answer instead, or ask recommend_gifts again",
        )
    return given


def changed(asked: AskedNext, before: Given, agent: Agent) -> Wish:
    """The wish that follows, or what is wrong with the change."""
    front, wish = agent.front, before.wish
    named = [*asked.swap, *asked.owns, *([asked.more_like] if asked.more_like else [])]
    known(named, agent)
    gone = (*wish.not_these, *asked.swap, *asked.owns, *(before.shown if asked.all_new else ()))
    gone = tuple(dict.fromkeys(gone))
    if len(gone) > NEVER_SHOWN:
        raise UserError(
            f"{len(gone)} gifts were shown already", "change the recipient or the budget instead"
        )
    excluded = tuple(dict.fromkeys((*wish.excluded, *asked.exclude)))
    if len(excluded) > 20:
        raise UserError(f"{len(excluded)} words are excluded", "at most 20")
    profile = wish.profile
    budget = _amount(asked.budget, "budget")
    if budget is not None:
        in_currency(budget, front.snapshot.currency, agent.rates)
        profile = profile.model_copy(update={"budget": budget})
    profile.check(front.vocabulary, "wish")
    return wish.model_copy(
        update={
            "profile": profile,
            "not_these": gone,
            "excluded": excluded,
            "like": asked.more_like or wish.like,
        }
    )


async def _reply(wish: Wish, agent: Agent, shared: Shared, tell: Tell) -> Reply:
    """The agent's answer, telling how far it is."""
    ahead = iter(("looking through the catalogue", "weighing what was found", "choosing"))

    async def through(stage: Callable[[], T]) -> T:
        await tell(next(ahead, "going on"))
        done = await shared.worked(stage)
        if isinstance(done, Asking) and done.tools:
            await tell(f"asking {', '.join(done.tools)}")
        return done

    staged: Callable[[Callable[[], Any]], Awaitable[Any]] = through
    return await agent.recommend(wish, staged)


def _answer(
    wish: Wish,
    before: tuple[str, ...],
    reply: Reply,
    missing: tuple[str, ...],
    people: int,
    shared: Shared,
) -> Answer:
    trouble = shared.trouble()
    shown = tuple(dict.fromkeys((*before, *(pick.gift for pick in reply.picks))))
    found = Recommended(
        recommendation=shared.recent.keep(Given(wish, shown)),
        picks=reply.picks,
        missing=missing,
        people=people,
        alternatives=reply.alternatives,
        notes=reply.notes,
        degraded=(*reply.degraded, *((trouble,) if trouble else ())),
        tools=reply.tools,
        text_by=reply.text_by,
        catalogue=reply.catalogue,
        as_of=reply.as_of,
        wish=wish,
    )
    return Answer(found, told(found))


def told(found: Recommended) -> str:
    """The answer in words."""
    profile, day = found.wish.profile, found.wish.day
    lines = [
        f"For a {profile.relationship.replace('_', ' ')}, {profile.age},"
        f" {profile.occasion.replace('_', ' ')}, up to {profile.budget}, needed by {day}:"
    ]
    if not found.picks:
        lines.append("No gift may be shown.")
    for pick in found.picks:
        lines += pick_lines(pick)
    lines += bullets("Instead:", [other.words for other in found.alternatives])
    lines += bullets("Assumed or not understood:", found.missing)
    if found.people > 1:
        lines.append(f"The sentence speaks of {found.people} people: ask for each with `person`.")
    lines += bullets("Notes:", found.notes)
    lines += bullets("Not as it should be:", found.degraded)
    lines.append(f"Prices and stock as of {found.as_of}; recommendation id {found.recommendation}.")
    return "\n".join(lines)

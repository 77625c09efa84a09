"""What the API answers, as OpenAPI describes it."""

from datetime import date
from typing import Any

from pydantic import BaseModel, Field

from giftrec.agent.reply import Alternative, Pick, Step, ToolUse
from giftrec.api.service import Degraded, Recommendation
from giftrec.api.understood import Understood
from giftrec.money import Money

EXAMPLE: dict[str, Any] = {
    "recommendation_id": "mzxw6ytboi2gk3tdmfzwkytjmm",
    "took_ms": 9.3,
    "cached": "memory",
    "model_version": "1.1",
    "arm": "champion",
    "catalogue": "3f0c5d2a9b7e4c61",
    "as_of": "2026-11-21",
    "understood": {
        "profile": {
            "age": 30,
            "hobbies": ["crafts", "hiking"],
            "preferences": [],
            "relationship": "sibling",
            "occasion": "birthday",
            "budget": {"minor": 6000, "currency": "EUR"},
            "days_left": 5,
        },
        "needed_by": "2026-11-26",
        "wishes": ["pottery"],
        "excluded": [],
        "owned": [],
        "at_least": None,
        "like": None,
        "assumed": ["pottery taken as crafts"],
        "not_understood": [],
        "parsed": None,
    },
    "picks": [
        {
            "rank": 1,
            "slot": "safe",
            "gift": "pottery-kit",
            "title": "Pottery starter kit",
            "category": "craft_kits",
            "cost": {
                "total": {"minor": 4490, "currency": "EUR"},
                "price": {"minor": 3990, "currency": "EUR"},
                "fees": {"minor": 500, "currency": "EUR"},
                "fees_stated": True,
                "shop": "corner shop",
                "as_of": "2026-11-21",
                "shopper": None,
                "rates_of": None,
            },
            "delivery": {
                "in_stock": True,
                "arrives": "2026-11-24",
                "in_time": True,
                "as_of": "2026-11-21",
            },
            "opinion": None,
            "expected": 0.71,
            "reasons": [{"signal": "hobby", "words": "for crafts", "weight": 0.12}],
        }
    ],
    "categories": ["craft_kits", "outdoor_gear", "books"],
    "alternatives": [],
    "tools": [
        {
            "tool": "price_comparison",
            "pays": 0.82,
            "asked": True,
            "status": "ok",
            "as_of": "2026-11-21",
            "ms": 1.4,
            "words": [],
        }
    ],
    "notes": [],
    "text_by": "TF-IDF",
    "trace": [],
    "degraded": [],
}


class Answer(BaseModel):
    """A slate with everything that is to be said of it; `degraded`: what was not as asked."""

    model_config = {"json_schema_extra": {"examples": [EXAMPLE]}}

    recommendation_id: str | None = Field(
        description="for /next and for feedback; none: it could not be kept"
    )
    took_ms: float
    cached: str | None = Field(description="the level of the cache that answered; null: made now")
    model_version: str = Field(description="version and generation, as 7.1")
    arm: str = Field(description="champion, or challenger while one is tried")
    catalogue: str = Field(description="fingerprint of the gifts that answered")
    as_of: date = Field(description="the day of that catalogue")
    understood: Understood
    picks: tuple[Pick, ...]
    categories: tuple[str, ...] = Field(description="where the model looked first")
    alternatives: tuple[Alternative, ...] = Field(description="what a little more would change")
    tools: tuple[ToolUse, ...]
    notes: tuple[str, ...]
    text_by: str | None = Field(description="what matched free words, if there were any")
    trace: tuple[Step, ...] = Field(description="where explained: what happened, and when")
    degraded: tuple[Degraded, ...]


def answer_of(made: Recommendation, explain: bool) -> Answer:
    """As it goes over the wire."""
    reply = made.reply
    return Answer.model_construct(
        recommendation_id=made.id,
        took_ms=round(made.took_ms, 3),
        cached=made.cached,
        model_version=made.model_version,
        arm=made.arm,
        catalogue=reply.catalogue,
        as_of=reply.as_of,
        understood=made.understood,
        picks=reply.picks,
        categories=reply.categories,
        alternatives=reply.alternatives,
        tools=reply.tools,
        notes=reply.notes,
        text_by=reply.text_by,
        trace=reply.trace if explain else (),
        degraded=made.degraded,
    )


class Taken(BaseModel):
    """What became of a batch of feedback."""

    stored: int
    known_before: int
    conflicts: list[str] = Field(description="ids that were known with other content, which stays")
    degraded: list[str]


class Forgotten(BaseModel):
    """Where somebody was removed from."""

    recommendations: int
    events: int
    degraded: list[str] = Field(description="what could not be told yet, and will be")


class Offered(BaseModel):
    """What one shop asks."""

    shop: str
    price: Money
    fees: Money | None = Field(description="null: the shop does not state them")
    stock: int | None
    lead_days: int | None
    as_of: date


class Listed(BaseModel):
    """A gift as the catalogue lists it; null: not known."""

    gift: str
    title: str
    description: str
    category: str | None
    brand: str | None
    price: Money | None = Field(description="the cheapest known; null: it cannot be recommended")
    ages: tuple[int | None, int | None] = Field(description="first and last age it is for")
    hobbies: tuple[str, ...]
    preferences: tuple[str, ...]
    occasions: tuple[str, ...]
    stars: float | None
    ratings: int | None


class One(Listed):
    """A gift with its offers, the cheapest first."""

    catalogue: str
    offers: list[Offered]


class Found(BaseModel):
    """Gifts found, the best fit first."""

    catalogue: str
    total: int
    gifts: list[Listed]


class Described(BaseModel):
    """What is in the catalogue."""

    catalogue: str
    as_of: date
    currency: str
    gifts: int
    facts: dict[str, Any] = Field(description="counts, prices, and how much of what is known")


class Word(BaseModel):
    """One word of a factor; `group`: the one it belongs to, where words are grouped."""

    word: str
    group: str | None = None


class Words(BaseModel):
    """The words of one factor, in the model's order."""

    factor: str
    words: list[Word]


class Factors(BaseModel):
    """All factors with their words."""

    factors: dict[str, tuple[str, ...]]

"""Shops for the agent's tests: a storefront with tools over rows that may differ from it."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import polars as pl

from giftrec.agent.agent import Agent
from giftrec.agent.settings import AgentSettings
from giftrec.agent.storefront import Storefront
from giftrec.agent.wish import Wish
from giftrec.catalog.snapshot import Snapshot
from giftrec.catalog.writing import write_snapshot
from giftrec.money import Money
from giftrec.schema import Profile
from giftrec.text.encoder import Choice
from giftrec.tools.provider import SnapshotProvider
from giftrec.tools.runner import Runner

ON = date(2026, 11, 23)  # a Monday
FACTS = {"currency": "EUR", "as_of": ON.isoformat()}
PATIENT = AgentSettings(deadline_s=20.0)  # tests of other things never fail by a busy machine
TABLES = ("gifts", "offers", "prices", "demand", "reviews")


@dataclass
class Stall:
    """A snapshot's storefront, and agents over it."""

    snapshot: Snapshot
    front: Storefront
    runners: list[Runner] = field(default_factory=list)

    def agent(
        self,
        live: Any = None,
        settings: AgentSettings = PATIENT,
        tools: Any = None,
        rates: Any = None,
    ) -> Agent:
        """An agent whose tools read `live`, tables like the snapshot's (by default its own)."""
        provider = SnapshotProvider(live or self.snapshot)
        runner = Runner(provider, tools or patient_tools())
        self.runners.append(runner)
        return Agent(self.front, runner, settings, rates)

    def live(self, **changed: pl.DataFrame) -> Any:
        """The snapshot's tables with some changed."""
        return SimpleNamespace(**{n: changed.get(n, getattr(self.snapshot, n)) for n in TABLES})

    def close(self) -> None:
        for runner in self.runners:
            runner.close()
        self.snapshot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def patient_tools(timeout_s: float = 20.0) -> list[Any]:
    from dataclasses import replace

    from giftrec.tools.registry import default_tools

    return [replace(tool, timeout_s=timeout_s) for tool in default_tools()]


def opened(tables: Any, facts: Any, model: Any, folder: Path) -> Stall:
    """Words are matched by TF-IDF, which is there wherever tests run."""
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / "shop.duckdb"
    write_snapshot(path, tables, facts)
    snapshot = Snapshot.open(path)
    return Stall(snapshot, Storefront.of(snapshot, model, Choice(None)))


@dataclass
class Shelf:
    """Gifts and offers, row by row."""

    gifts: list[dict[str, Any]] = field(default_factory=list)
    offers: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=lambda: dict(FACTS))

    def gift(
        self, gift: str, price: int | None = 2000, title: str | None = None, **more: Any
    ) -> "Shelf":
        """A gift with one offer, unless it has no price."""
        row = {
            "id": gift,
            "title": title or gift.replace("-", " ").title(),
            "description": "",
            "category": "outdoor",
            "price": price,
            "currency": "EUR",
            "hobbies": [],
            "preferences": [],
            "occasions": [],
            "age_low": None,
            "age_high": None,
        }
        offer = {name: more.pop(name) for name in ("stock", "lead_days", "fees") if name in more}
        self.gifts.append(row | more)
        return self if price is None else self.offer(gift, price, **offer)

    def offer(self, gift: str, price: int, shop: str = "North", **more: Any) -> "Shelf":
        row = {"fees": 0, "currency": "EUR", "stock": 9, "lead_days": 1, "as_of": ON}
        self.offers.append({"gift": gift, "shop": shop, "price": price} | row | more)
        return self

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        lists = dict.fromkeys(("hobbies", "preferences", "occasions"), pl.List(pl.String))
        whole = dict.fromkeys(("price", "age_low", "age_high"), pl.Int64)
        return {
            "gifts": pl.DataFrame(self.gifts, schema_overrides={**lists, **whole}),
            "offers": pl.DataFrame(
                self.offers,
                schema_overrides=dict.fromkeys(("fees", "stock", "lead_days"), pl.Int64),
            ),
        }


def wish(budget: int = 6000, days: int = 14, **more: Any) -> Wish:
    """Somebody's wish, with changes; words of the profile are taken out of `more`."""
    profile: dict[str, Any] = {
        "age": 40,
        "hobbies": (),
        "relationship": "friend",
        "occasion": "birthday",
        "budget": Money(minor=budget, currency="EUR"),
        "days_left": days,
    }
    own = {name: more.pop(name) for name in list(more) if name in Profile.model_fields}
    return Wish(profile=Profile(**profile | own), on=more.pop("on", ON), **more)


def shown(reply: Any) -> list[str]:
    return [pick.gift for pick in reply.picks]

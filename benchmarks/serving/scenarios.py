"""The bars of the server, one function each; docs of a row's figures are in `benchmarks.load`."""

import asyncio
import json
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.load import Result, quantiles, rounded, zipf
from benchmarks.serving import worlds
from benchmarks.serving.hosts import (
    ACTIVATE,
    ROLLBACK,
    Host,
    Postgres,
    Redis,
    bare,
    by_command,
    postgres,
    redis,
    serving,
)
from benchmarks.serving.measure import Answers, Bench, warm_up
from reccore.bundle.bundle import Bundle
from reccore.data.interactions import Histories
from reccore.recommender import UserBatch
from reccore.serve.cache.key import Key
from reccore.serve.cache.memory import Memory
from reccore.serve.cache.settings import CacheSettings, LevelName, make_cache

EXPONENT = 1.0
DRAWS = 400_000
STARTS = 5
ARRIVALS = {"even": False, "poisson": True}
TOGETHER, TOGETHER_BY = 1024, (2, 4, 8, 16)  # people, and how many of them at a time
FREE = 0.7  # of what a closed loop reaches: a rate that can be sustained


def cached(bench: Bench) -> None:
    """Known users by Zipf, all answers in the cache; a bare FastAPI beside it, in turns."""
    if bench.done("cached/closed") and bench.done("cached/open/3000"):
        return
    drawn = zipf(DRAWS, worlds.USERS, EXPONENT, 0)
    everybody = [worlds.of_user(user) for user in range(1, worlds.USERS + 1)]
    bodies = [everybody[which] for which in drawn.tolist()]
    with serving(worlds.people()) as host, tempfile.TemporaryDirectory() as folder:
        bench.load(host, iter(everybody), seconds=max(bench.seconds, 3.0), connections=4)
        same = Path(folder) / "body"
        same.write_bytes(json.dumps(host.call("/v1/recommendations", {"user": "1"})).encode())
        if not bench.done("cached/closed"):
            with bare(same) as rival:
                theirs = bench.load(rival, bodies, connections=16)
            said = Answers()
            ours = bench.load(host, bodies, connections=16, on_answer=said)
            figures = {"ratio": round(ours.rate / theirs.rate, 3), "bare": theirs.to_json()}
            _keep(bench, "cached/closed", ours, said, drawn, **figures)
        if not bench.done("cached/open/3000"):
            said = Answers()
            ours = bench.load(host, bodies, rate=3000, on_answer=said)
            _keep(bench, "cached/open/3000", ours, said, drawn)


def _keep(bench: Bench, key: str, found: Result, said: Answers, drawn: Any, **more: Any) -> None:
    users = len(np.unique(drawn[: found.sent]))
    bench.keep(key, users=users, said=said.to_json(), **found.to_json(), **more)


def uncached(bench: Bench) -> None:
    """Real histories in the request, none asked twice."""
    for model, prepare in (("sasrec", worlds.sasrec), ("two-tower", worlds.two_tower)):
        keys = _keys(f"uncached/{model}", (250, 500))
        missing = [key for key in keys if not bench.done(key)]
        if missing:
            name, most = prepare(), sum(bench.needed(keys[key][0]) for key in missing)
            histories = worlds.real_histories(most + 200)
            _at_rates(bench, name, histories, {key: keys[key] for key in missing})


def million(bench: Bench) -> None:
    """Two towers over a million items, approximate search at recall 0.95 or more."""
    keys = {k: how for k, how in _keys("million", (500, 1500)).items() if not bench.done(k)}
    if keys:
        name, most = worlds.million(), sum(bench.needed(rate) for rate, _ in keys.values())
        _at_rates(bench, name, worlds.million_histories(most + 200), keys)


def _keys(name: str, rates: Sequence[int]) -> dict[str, tuple[int, bool]]:
    return {
        f"{name}/{rate}/{how}": (rate, by_chance)
        for rate in rates
        for how, by_chance in ARRIVALS.items()
    }


def _at_rates(
    bench: Bench, name: str, histories: list[list[str]], runs: dict[str, tuple[int, bool]]
) -> None:
    """One server; each run takes histories that no other took."""
    left = iter([worlds.of_history(history) for history in histories])
    lengths = [len(history) for history in histories]
    with serving(name) as host:
        warm_up(bench, host, [next(left) for _ in range(200)])
        for key, (rate, by_chance) in runs.items():
            said = Answers()
            bodies = iter([next(left) for _ in range(bench.needed(rate))])
            found = bench.load(host, bodies, rate=rate, poisson=by_chance, on_answer=said)
            history = {"median": median(lengths), "longest": max(lengths)}
            bench.keep(key, history=history, said=said.to_json(), **found.to_json())


def hit(bench: Bench) -> None:
    """A hit of the cache in this process: the key made, the answer found."""
    if bench.done("hit"):
        return
    memory, answer = Memory(256 * 2**20, 3600.0), bytes(1500)
    people = [str(user) for user in range(worlds.USERS)]
    asked = b'{"count":10}'

    def key(user: str) -> Key:
        return Key("cinesync", "people", "1", 1, "", user, asked)

    for user in people:
        assert memory.put(key(user), answer, memory.moments.now())
    spent = array("d")
    for which in zipf(DRAWS, len(people), EXPONENT, 0).tolist():
        began = time.perf_counter()
        found = memory.get(key(people[which]))
        spent.append(time.perf_counter() - began)
        assert found is not None
    ms = rounded(quantiles(np.frombuffer(spent)), 4)
    bench.keep("hit", users=len(people), hits=len(spent), ms=ms)


def ready(bench: Bench) -> None:
    """From the start of the process to ready, 100,000 items; the files are in the disk's cache."""
    if bench.done("ready/100000"):
        return
    name, seconds = worlds.large(), []
    for _ in range(STARTS):
        with serving(name) as host:
            seconds.append(host.ready_seconds)
    figures = {"median": median(seconds), "most": max(seconds)}
    bench.keep("ready/100000", starts=STARTS, dim=128, seconds=figures)


class Versions:
    """Each answer must hold items of the version that it names, and of no other."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self.mixed = 0

    def __call__(self, status: int, body: bytes) -> None:
        if status != 200:
            return
        said = json.loads(body)
        version = said["model_version"].partition(".")[0]
        self.of[version] += 1
        low = 1 + (int(version) - 1) * worlds.APART
        inside = all(low <= int(one["item"]) < low + worlds.ITEMS for one in said["items"])
        self.mixed += not (said["items"] and inside)


def swap(bench: Bench) -> None:
    """Activate and roll back under load, by API and by command line, users by Zipf."""
    if bench.done("swap/200"):
        return
    name, root = worlds.people(), str(worlds.ROOT)
    drawn = zipf(bench.needed(200), worlds.USERS, EXPONENT, 1)
    bodies = [worlds.of_user(1 + which) for which in drawn.tolist()]
    said = Versions()
    try:
        with serving(name) as host:
            warm_up(bench, host, bodies)

            async def activate() -> None:
                await asyncio.to_thread(host.call, ACTIVATE, {"version": "2"})

            async def rollback() -> None:
                await asyncio.to_thread(host.call, ROLLBACK, {})

            async def activate_by_command() -> None:
                await by_command("registry", "activate", name, "2", "--root", root)

            async def rollback_by_command() -> None:
                await by_command("registry", "rollback", name, "--root", root)

            acts = (activate, rollback, activate_by_command, rollback_by_command)
            when = [bench.seconds * share for share in (1 / 6, 2 / 6, 3 / 6, 4 / 6)]
            at = list(zip(when, acts, strict=True))
            found = bench.load(host, bodies, rate=200, on_answer=said, at=at)
    finally:
        worlds.people()  # version 1 answers again
    bench.keep("swap/200", mixed=said.mixed, answers_of_version=dict(said.of), **found.to_json())


def redis_dies(bench: Bench) -> None:
    """Redis killed at a third of the run, back with nothing in it at two thirds."""
    if not bench.done("redis/500"):
        name = worlds.people()
        drawn = zipf(bench.needed(500), worlds.USERS, EXPONENT, 2)
        bodies = [worlds.of_user(1 + which) for which in drawn.tolist()]
        with redis() as store, serving(name, {"cache": {"redis_url": store.url}}) as host:
            warm_up(bench, host, bodies)
            _without(bench, "redis/500", host, bodies, store)


def postgres_dies(bench: Bench) -> None:
    """The same with the database of feedback, which every answer made for a user reads."""
    if not bench.done("postgres/500"):
        name = worlds.people()
        with postgres() as store, serving(name, {"feedback": {"url": store.url}}) as host:
            users = zipf(bench.needed(500), worlds.USERS, EXPONENT, 3)
            bodies = [worlds.of_user(1 + which) for which in users.tolist()]
            warm_up(bench, host, bodies)
            _without(bench, "postgres/500", host, bodies, store)


def _without(
    bench: Bench, key: str, host: Host, bodies: list[bytes], store: Redis | Postgres
) -> None:
    """A run in whose middle third something is missing."""
    phase, said = "before", {name: Answers() for name in ("before", "without", "after")}

    def heard(status: int, body: bytes) -> None:
        said[phase](status, body)

    async def kill() -> None:
        nonlocal phase
        await asyncio.to_thread(store.kill)
        phase = "without"

    async def start() -> None:
        nonlocal phase
        await asyncio.to_thread(store.start)
        phase = "after"

    third = bench.seconds / 3
    at = [(third, kill), (2 * third, start)]
    found = bench.load(host, bodies, rate=500, on_answer=heard, at=at)
    stretches = {"before": (0, third), "without": (third, 2 * third), "after": (2 * third, 1e9)}
    by_phase = {
        what: {**said[what].to_json(), "ms": rounded(quantiles(found.samples.of(None, *bounds)))}
        for what, bounds in stretches.items()
    }
    bench.keep(key, phases=by_phase, **found.to_json())


def order(bench: Bench) -> None:
    """A hit with local memory before Redis, and after it: the seed had Redis first."""
    if bench.done("order"):
        return
    people = [str(user) for user in range(2000)]
    keys = [Key("cinesync", "people", "1", 1, "", user, b"{}") for user in people]
    drawn = zipf(20_000, len(people), EXPONENT, 4).tolist()

    async def measure(levels: tuple[LevelName, ...], url: str) -> dict[str, float]:
        async def make() -> bytes:
            return bytes(1500)

        cache = make_cache(CacheSettings(redis_url=url, order=levels))
        await cache.open()
        await asyncio.sleep(1.0)  # until it hears the other replicas
        for key in keys:
            await cache.get_or_make(key, make)
        await cache.settle()
        spent = array("d")
        for which in drawn:
            began = time.perf_counter()
            found = await cache.get_or_make(keys[which], make)
            spent.append(time.perf_counter() - began)
            assert found.level == levels[0], found.level
        await cache.close()
        return rounded(quantiles(np.frombuffer(spent)), 4)

    figures = {}
    for levels in (("memory", "redis"), ("redis", "memory")):
        with redis() as store:
            figures[f"{levels[0]} first"] = asyncio.run(measure(levels, store.url))
    bench.keep("order", hits=len(drawn), **figures)


def batches(bench: Bench) -> None:
    """Whether answers made together cost less than one by one: what micro-batches would gain."""
    made = (
        ("sasrec", worlds.sasrec, worlds.real_histories),
        ("two-tower", worlds.two_tower, worlds.real_histories),
        ("million", worlds.million, worlds.million_histories),
    )
    for model, prepare, asked in made:
        if bench.done(f"batches/{model}"):
            continue
        bundle = Bundle.open(worlds.registry().resolve(prepare()))
        met = Histories.of_lists([bundle.codes(history) for history in asked(TOGETHER)])
        people = UserBatch(np.full(TOGETHER, -1, dtype=np.int32), met)
        figures = {str(size): _together(bundle, people, size) for size in TOGETHER_BY}
        bench.keep(f"batches/{model}", people=TOGETHER, ms=figures)


def _together(bundle: Bundle, people: UserBatch, size: int) -> dict[str, float]:
    """Milliseconds an answer, medians of rounds in turn: one by one, and `size` at a time."""
    spent: dict[str, list[float]] = {"one by one": [], "together": []}
    for at in range(0, TOGETHER, size):
        rows = np.arange(at, at + size)
        began = time.perf_counter()
        for row in rows:
            bundle.best(people.take(row[None]), 100)
        between = time.perf_counter()
        bundle.best(people.take(rows), 100)
        spent["one by one"].append((between - began) / size)
        spent["together"].append((time.perf_counter() - between) / size)
    return {how: round(1000 * median(seconds), 4) for how, seconds in spent.items()}


def overload(bench: Bench) -> None:
    """Five times what can be sustained; SASRec on real histories, none asked twice."""
    if bench.done("overload/5x"):
        return
    with serving(worlds.sasrec()) as host:
        first = worlds.real_histories(20_000)
        bodies = iter([worlds.of_history(history) for history in first])
        found = bench.load(host, bodies, seconds=min(10.0, bench.seconds), connections=4)
        rate = round(FREE * found.statuses.get(200, 0) / found.seconds, 1)
        most = bench.needed(rate) + bench.needed(5 * rate)
        more = iter(worlds.real_histories(found.sent + most)[found.sent :])
        fine, _ = _pressed(bench, host, more, rate)
        pressed, said = _pressed(bench, host, more, 5 * rate)
    bench.keep(
        "overload/5x",
        sustainable=rate,
        accepted_p99_ratio=round(_p99(pressed) / _p99(fine), 3),
        said=said.to_json(),
        sustained=fine.to_json(),
        **pressed.to_json(),
    )


def _pressed(bench: Bench, host: Host, histories: Any, rate: float) -> tuple[Result, Answers]:
    said = Answers()
    bodies = [worlds.of_history(next(histories)) for _ in range(bench.needed(rate))]
    return bench.load(host, iter(bodies), rate=rate, connections=512, on_answer=said), said


def _p99(found: Result) -> float:
    return found.latency_of(200).get("p99", float("nan"))


SCENARIOS = {
    "cached": cached,
    "uncached": uncached,
    "million": million,
    "hit": hit,
    "ready": ready,
    "swap": swap,
    "redis": redis_dies,
    "postgres": postgres_dies,
    "order": order,
    "batches": batches,
    "overload": overload,
}

"""The bars of the gift server, one function each; what a figure means: `benchmarks.load`."""

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from benchmarks.gift_serving import worlds
from benchmarks.load import quantiles, rounded
from benchmarks.serving.hosts import Host, serving
from benchmarks.serving.measure import Answers, Bench, warm_up
from giftrec.catalog.live import Catalogue
from reccore.config import Tree

COMMAND = [sys.executable, "-c", "from giftrec.cli import main; main()", "serve"]
BROKEN = [sys.executable, "-m", "benchmarks.gift_serving.broken"]
MARKS = ("-second", "-third", "-fourth")


@contextmanager
def hosting(
    folder: Path, catalogue: Catalogue, more: Tree | None = None, command: list[str] = COMMAND
) -> Iterator[Host]:
    """`giftrec serve` over a catalogue; what it keeps lies in the folder."""
    kept = {"kept": {"url": str(folder / "kept.sqlite")}}
    tree: Tree = {"catalogue": str(catalogue.folder), **kept, **(more or {})}
    with serving(worlds.registry(), tree, command, worlds.ROOT) as host:
        yield host


def _at_rate(bench: Bench, key: str, host: Host, bodies: Iterator[bytes], rate: float) -> None:
    said = Answers()
    asked = iter(list(islice(bodies, bench.needed(rate))))
    found = bench.load(host, asked, rate=rate, on_answer=said)
    bench.keep(key, said=said.to_json(), **found.to_json())


def small(bench: Bench) -> None:
    """45 gifts, none asked twice: recipients, then with a like in free words, then sentences."""
    kinds = [
        ("profiles", 100, worlds.profiles),
        ("profiles", 50, worlds.profiles),
        ("wishes", 20, worlds.with_wishes),
        ("sentences", 50, worlds.sentences),
    ]
    missing = [(kind, rate, make) for kind, rate, make in kinds if not bench.done(_key(kind, rate))]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with hosting(folder, worlds.small(folder)) as host:
            for kind, rate, make in missing:
                warm_up(bench, host, list(islice(make(1), 200)))
                _at_rate(bench, _key(kind, rate), host, make(rate), rate)


def _key(kind: str, rate: int) -> str:
    return f"45/{kind}/{rate}"


def large(bench: Bench) -> None:
    """100,000 gifts."""
    if bench.done("100000/profiles/20"):
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        hosting(Path(folder), worlds.large(), {"text": "tfidf"}) as host,
    ):
        warm_up(bench, host, list(islice(worlds.profiles(1), 200)))
        _at_rate(bench, "100000/profiles/20", host, worlds.profiles(0), 20)


class Catalogues:
    """Each answer must hold gifts of one catalogue, and all of a fingerprint of the same one."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self.mixed = self.empty = 0
        self._marks: dict[str, str] = {}

    def __call__(self, status: int, body: bytes) -> None:
        if status != 200:
            return
        said = json.loads(body)
        marks = {_mark(one["gift"]) for one in (*said["picks"], *said["alternatives"])}
        self.empty += not said["picks"]
        if not marks:
            return
        whose = self._marks.setdefault(said["catalogue"], next(iter(marks)))
        self.of[whose or "first"] += 1
        self.mixed += marks != {whose}


def _mark(gift: str) -> str:
    return next((mark for mark in MARKS if gift.endswith(mark)), "")


def swap(bench: Bench) -> None:
    """Another catalogue goes live three times while 50 requests a second come."""
    if bench.done("swap/50"):
        return
    said = Catalogues()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        catalogue = worlds.small(folder)
        with hosting(folder, catalogue) as host:
            warm_up(bench, host, list(islice(worlds.profiles(1), 200)))

            def publish(mark: str) -> None:
                catalogue.publish(*worlds.marked(mark))

            async def second() -> None:
                await asyncio.to_thread(publish, MARKS[0])

            async def third() -> None:
                await asyncio.to_thread(publish, MARKS[1])

            async def fourth() -> None:
                await asyncio.to_thread(publish, MARKS[2])

            acts = zip((0.2, 0.45, 0.7), (second, third, fourth), strict=True)
            at = [(bench.seconds * share, act) for share, act in acts]
            bodies = iter(list(islice(worlds.profiles(2), bench.needed(50))))
            found = bench.load(host, bodies, rate=50, on_answer=said, at=at)
    figures = {"mixed": said.mixed, "empty": said.empty, "answers_of": dict(said.of)}
    bench.keep("swap/50", **figures, **found.to_json())


def tools(bench: Bench) -> None:
    """In the middle third one tool hangs 30 s each time it is asked, and another raises."""
    if bench.done("tools/50"):
        return
    phase, said = "before", {name: Answers() for name in ("before", "broken", "after")}

    def heard(status: int, body: bytes) -> None:
        said[phase](status, body)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        file = folder / "broken"

        async def breaks() -> None:
            nonlocal phase
            file.touch()
            phase = "broken"

        async def heals() -> None:
            nonlocal phase
            file.unlink()
            phase = "after"

        with hosting(folder, worlds.small(folder), command=[*BROKEN, str(file)]) as host:
            warm_up(bench, host, list(islice(worlds.profiles(1), 200)))
            third = bench.seconds / 3
            bodies = iter(list(islice(worlds.profiles(3), bench.needed(50))))
            at = [(third, breaks), (2 * third, heals)]
            found = bench.load(host, bodies, rate=50, on_answer=heard, at=at)
            time.sleep(0.1)
    stretches = {"before": (0.0, third), "broken": (third, 2 * third), "after": (2 * third, 1e9)}
    phases = {
        what: {**said[what].to_json(), "ms": rounded(quantiles(found.samples.of(None, *bounds)))}
        for what, bounds in stretches.items()
    }
    bench.keep("tools/50", phases=phases, **found.to_json())


SCENARIOS = {"small": small, "large": large, "swap": swap, "tools": tools}

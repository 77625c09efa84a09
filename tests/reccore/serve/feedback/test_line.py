import asyncio

from happenings import event

from reccore.serve.feedback import Added
from reccore.serve.feedback.line import Line
from reccore.serve.feedback.outcome import Outcome, Written
from reccore.serve.refusal import Refusal


class Disk:
    """Takes a while for each write, and remembers them."""

    def __init__(self):
        self.writes = []
        self.fails = False

    async def write(self, arrivals):
        await asyncio.sleep(0.01)
        if self.fails:
            raise RuntimeError("no disk")
        self.writes.append([arrival.event.id for arrival in arrivals])
        return Written([Outcome.STORED] * len(arrivals))


def test_who_comes_during_a_write_shares_the_next():
    async def main():
        disk = Disk()
        line = Line(disk.write)
        first = asyncio.create_task(line.add([event("0")]))
        await asyncio.sleep(0.005)
        await asyncio.gather(*(line.add([event(f"{n}")]) for n in range(1, 10)))
        assert await first == Added(1, 0)
        assert disk.writes == [["0"], [f"{n}" for n in range(1, 10)]]

    asyncio.run(main())


def test_what_goes_alone_keeps_its_place():
    async def main():
        disk = Disk()
        line = Line(disk.write)

        async def delete():
            disk.writes.append("delete")
            return 7

        calls = [line.add([event("a")]), line.alone(delete), line.add([event("b")])]
        answers = await asyncio.gather(*calls)
        assert answers[1] == 7
        assert disk.writes == [["a"], "delete", ["b"]]

    asyncio.run(main())


def test_a_failed_write_is_told_to_each_and_the_next_goes_on():
    async def main():
        disk = Disk()
        line = Line(disk.write)
        disk.fails = True
        answers = await asyncio.gather(
            *(line.add([event(f"{n}")]) for n in range(3)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [RuntimeError] * 3
        disk.fails = False
        assert await line.add([event("x")]) == Added(1, 0)

    asyncio.run(main())


def test_a_caller_who_leaves_stops_nobody():
    async def main():
        disk = Disk()
        line = Line(disk.write)
        leaving = asyncio.create_task(line.add([event("left")]))
        staying = asyncio.create_task(line.add([event("stays")]))
        await asyncio.sleep(0.005)
        leaving.cancel()
        assert await staying == Added(1, 0)
        assert disk.writes == [["left", "stays"]]
        assert leaving.cancelled()

    asyncio.run(main())


def test_a_line_that_is_too_long_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("reccore.serve.feedback.line.WAITING", 5)

    async def main():
        disk = Disk()
        line = Line(disk.write)
        answers = await asyncio.gather(
            *(line.add([event(f"{n}")]) for n in range(9)), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, Refusal)]
        assert [refusal.status for refusal in refused] == [503] * 4
        assert await line.add([event("later")]) == Added(1, 0)
        assert line.waiting == 0
        big = [event(f"b{n}") for n in range(50)]
        assert await line.add(big) == Added(50, 0)  # one that would never fit goes alone

    asyncio.run(main())


def test_the_clock_never_stands_still(monkeypatch):
    line = Line(Disk().write)
    times = iter([5_000, 5_000, 1_000, 9_000])
    monkeypatch.setattr("time.time_ns", lambda: next(times) * 1000)
    assert [line.now() for _ in range(4)] == [5_000, 5_001, 5_002, 9_000]


def test_what_does_not_fit_is_refused_to_its_caller_alone():
    async def half(arrivals):
        return Written(
            [Outcome.REFUSED if a.event.id == "no" else Outcome.STORED for a in arrivals], ("so",)
        )

    async def main():
        line = Line(half)
        answers = await asyncio.gather(
            line.add([event("yes")]), line.add([event("no")]), return_exceptions=True
        )
        assert answers[0] == Added(1, 0, (), ("so",))
        assert answers[1].code == "feedback_unavailable"
        assert answers[1].headers["Retry-After"]

    asyncio.run(main())

import threading
import time

import pytest

from giftrec.tools.workers import SaturatedError, Workers


def until(condition, seconds=2.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


@pytest.fixture
def gate():
    """Work that hangs until the test is over."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_work_is_done_and_failures_are_told():
    workers = Workers("test", size=2)
    assert workers.submit(lambda: 7).future.result(2) == 7
    with pytest.raises(KeyError):
        workers.submit(lambda: {}["x"]).future.result(2)
    assert workers.submit(lambda: 8).future.result(2) == 8
    workers.close()
    with pytest.raises(SaturatedError, match="closed"):
        workers.submit(lambda: 9)


def test_no_more_threads_than_allowed(gate):
    workers = Workers("test", size=3)
    jobs = [workers.submit(gate.wait) for _ in range(20)]
    assert workers.threads == 3
    gate.set()
    assert all(job.future.result(2) for job in jobs)
    workers.close()


def test_a_hanging_thread_is_replaced_counted_and_ends_when_it_returns(gate):
    workers = Workers("of this test", size=1, spare=1)
    hung = workers.submit(gate.wait)
    assert until(hung.future.running)
    workers.abandon(hung)
    assert (workers.hanging, workers.abandoned, workers.threads) == (1, 1, 1)
    assert workers.submit(lambda: 1).future.result(2) == 1
    assert workers.threads == 2
    gate.set()
    assert until(lambda: workers.hanging == 0 and workers.threads == 1)
    assert workers.submit(lambda: 2).future.result(2) == 2
    workers.close()
    assert until(lambda: all(thread.name != "of this test" for thread in threading.enumerate()))


def test_when_all_hang_work_is_refused_and_taken_again_afterwards(gate):
    workers = Workers("test", size=2, spare=1)
    for _ in range(3):
        job = workers.submit(gate.wait)
        assert until(job.future.running)
        workers.abandon(job)
    assert workers.hanging == 3
    with pytest.raises(SaturatedError, match="all 3 threads hang"):
        workers.submit(lambda: 1)
    gate.set()
    assert until(lambda: workers.hanging == 0)
    assert workers.threads <= 2
    assert workers.submit(lambda: 1).future.result(2) == 1
    workers.close()


def test_work_given_up_before_it_began_never_begins(gate):
    workers = Workers("test", size=1, spare=0)
    hung = workers.submit(gate.wait)
    done: list[int] = []
    waiting = workers.submit(lambda: done.append(1))
    workers.abandon(waiting)
    assert (workers.hanging, workers.abandoned) == (0, 0)
    gate.set()
    hung.future.result(2)
    workers.submit(lambda: None).future.result(2)
    assert done == []
    workers.close()


def test_giving_up_twice_or_too_late_changes_nothing(gate):
    workers = Workers("test", size=1, spare=1)
    done = workers.submit(lambda: 1)
    done.future.result(2)
    assert until(lambda: done.finished)
    workers.abandon(done)
    hung = workers.submit(gate.wait)
    assert until(hung.future.running)
    workers.abandon(hung)
    workers.abandon(hung)
    assert (workers.hanging, workers.abandoned) == (1, 1)
    workers.close()

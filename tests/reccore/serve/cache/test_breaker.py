from typing import Any

import pytest

from reccore.serve.cache.breaker import Breaker


def test_closed_until_it_fails_repeatedly_then_one_trial(clock: Any) -> None:
    breaker = Breaker(failures=2, rest_s=1.0, clock=clock)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.allows()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "open"
    assert not breaker.allows()
    clock.now += 1.0
    assert breaker.state == "half-open"
    assert breaker.allows()
    assert breaker.state == "half-open"
    assert not breaker.allows()  # one at a time
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.opened == 1


def test_a_failed_trial_opens_again_at_once(clock: Any) -> None:
    breaker = Breaker(failures=5, rest_s=1.0, clock=clock)
    for _ in range(5):
        breaker.failed()
    clock.now += 1.5
    assert breaker.allows()
    breaker.failed()
    clock.now += 0.9
    assert not breaker.allows()
    clock.now += 0.2
    assert breaker.allows()


def test_a_trial_that_never_reports_blocks_nobody(clock: Any) -> None:
    breaker = Breaker(failures=1, rest_s=1.0, clock=clock)
    breaker.failed()
    clock.now += 1.0
    assert breaker.allows()
    clock.now += 1.0
    assert breaker.allows()


def test_a_breaker_that_cannot_rest_is_refused() -> None:
    with pytest.raises(ValueError, match="rest"):
        Breaker(rest_s=0)

import random

from reccore.serve.cache.key import NOBODY
from reccore.serve.cache.moments import Moments


def test_what_was_begun_before_stands_no_more_and_what_follows_does() -> None:
    moments = Moments()
    before = moments.now()
    moments.forget("ann")
    assert not moments.stands("ann", before)
    assert moments.stands("ann", moments.now())
    assert moments.stands("bob", before)


def test_a_gap_outdates_everybody_but_nobody() -> None:
    moments = Moments()
    before = moments.now()
    moments.forget_everyone()
    assert not moments.stands("ann", before)
    assert moments.stands(NOBODY, before)
    assert moments.stands("ann", moments.now())


def test_a_bounded_record_forgets_more_never_less() -> None:
    bounded, endless = Moments(most=3), Moments(most=10**9)
    draw = random.Random(0)
    begun: list[tuple[str, int]] = []
    dropped_more = 0
    for _ in range(2000):
        person = draw.choice("abcdefgh")
        if draw.random() < 0.3:
            bounded.forget(person)
            endless.forget(person)
        else:
            assert bounded.now() == endless.now()
            begun.append((person, bounded.now()))
        for who, moment in begun[-20:]:
            if bounded.stands(who, moment):
                assert endless.stands(who, moment)
            elif endless.stands(who, moment):
                dropped_more += 1
    assert len(bounded) <= 3
    assert dropped_more  # else the bound was never tried

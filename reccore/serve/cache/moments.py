"""Who must not be answered with what was made before when: a logical clock, not a wall clock.

A moment is taken before an answer is made. Forgetting a user moves the clock, so an answer begun
before stands no more, however late it arrives. The record is bounded: when it is full its oldest
user goes and the floor rises to that moment, which drops more than it must and never less.
Anonymous answers are functions of their key alone and always stand.

For one event loop; not safe between threads.
"""

from collections import OrderedDict

from reccore.serve.cache.key import NOBODY


class Moments:
    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._now = 0
        self._floor = 0
        self._forgotten: OrderedDict[str, int] = OrderedDict()

    def now(self) -> int:
        return self._now

    def stands(self, person: str, moment: int) -> bool:
        """Whether what was begun at `moment` for this person may still be answered."""
        if person == NOBODY:
            return True
        return moment >= self._floor and moment >= self._forgotten.get(person, 0)

    def forget(self, person: str) -> None:
        if person == NOBODY:
            return
        self._now += 1
        self._forgotten[person] = self._now
        self._forgotten.move_to_end(person)
        if len(self._forgotten) > self._most:
            _, self._floor = self._forgotten.popitem(last=False)

    def forget_everyone(self) -> None:
        """For a gap in which feedback given elsewhere could not be heard."""
        self._now += 1
        self._floor = self._now
        self._forgotten.clear()

    def __len__(self) -> int:
        return len(self._forgotten)

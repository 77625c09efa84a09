"""User vectors made lately: the same person who asks otherwise (fewer items, more variety, another
page) is not read again. Items' vectors need no such thing: they are mapped from their file.
"""

from collections import OrderedDict
from collections.abc import Callable

from reccore.data.interactions import Floats
from reccore.recommender import UserBatch

OVERHEAD = 200  # bytes of an entry beside its key and numbers


class Remembered:
    """At most so many bytes of vectors, the longest unused forgotten first; for one thread."""

    def __init__(self, most_bytes: int) -> None:
        self.most, self.bytes = most_bytes, 0
        self.hits = self.misses = 0
        self._kept: OrderedDict[bytes, Floats] = OrderedDict()

    def of(self, user: UserBatch, make: Callable[[UserBatch], Floats]) -> Floats:
        """One user's vector [1, d], made only if nobody asked for it lately."""
        key = _key(user)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            self.hits += 1
            return found
        self.misses += 1
        made = make(user)
        made.setflags(write=False)
        self._kept[key] = made
        self.bytes += _size(key, made)
        while self.bytes > self.most and self._kept:
            self.bytes -= _size(*self._kept.popitem(last=False))
        return made


def _key(user: UserBatch) -> bytes:
    """All that a vector depends on."""
    met, now = user.histories, user.now
    times = b"" if met.times is None else met.times.tobytes()
    moment = b"" if now is None else now.tobytes()
    counts = len(met.items).to_bytes(4, "little") + len(times).to_bytes(4, "little")
    return b"".join((counts, user.codes.tobytes(), met.items.tobytes(), times, moment))


def _size(key: bytes, vector: Floats) -> int:
    return OVERHEAD + len(key) + vector.nbytes

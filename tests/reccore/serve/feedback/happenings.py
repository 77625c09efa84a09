"""Events for the tests, and a slow, obvious store to compare with."""

from reccore.serve.feedback import Added, Event

NOW = 1_700_000_000


def event(id="e1", user="ann", item="i1", kind="click", value=None, at=NOW, recommendation=None):
    return Event(id, user, item, kind, value, at, recommendation)


class Model:
    """What a store must do, with a dictionary."""

    def __init__(self):
        self.events = {}

    def add(self, events):
        stored = known = 0
        conflicts = []
        for one in events:
            there = self.events.get((one.user, one.id))
            if there is None:
                self.events[one.user, one.id] = one
                stored += 1
            elif (there.item, there.kind, there.value, there.recommendation) == (
                one.item,
                one.kind,
                one.value,
                one.recommendation,
            ):
                known += 1
            elif one.id not in conflicts:
                conflicts.append(one.id)
        return Added(stored, known, tuple(conflicts))

    def of_user(self, user, limit):
        own = [one for one in self.events.values() if one.user == user]
        return tuple(sorted(own, key=lambda one: one.at)[-limit:]) if limit > 0 else ()

    def forget(self, user):
        gone = [key for key in self.events if key[0] == user]
        for key in gone:
            del self.events[key]
        return len(gone)

    def expire(self, older_than):
        gone = [key for key, one in self.events.items() if one.at < older_than]
        for key in gone:
            del self.events[key]
        return len(gone)

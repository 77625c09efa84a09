"""Users whom a shared level has yet to be told to forget, because it did not answer when asked.

Until it is told, this replica does not believe the level about them. The record is bounded: past
its bound everybody is owed, and paying then means dropping what the level knows of all users.
A process that dies takes its debts with it; what the level still holds then ends with its TTL.
"""

EVERYONE = "*"


class Owed:
    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._people: dict[str, int] = {}
        self._count = 0

    def add(self, person: str) -> int:
        """The debt's number: `paid` settles it only if no later one was added meanwhile."""
        self._count += 1
        if EVERYONE in self._people or len(self._people) >= self._most:
            self._people = {EVERYONE: self._count}
        else:
            self._people[person] = self._count
        return self._count

    def paid(self, person: str, number: int) -> None:
        if self._people.get(person, number + 1) <= number:
            del self._people[person]

    def has(self, person: str) -> bool:
        return bool(self._people) and (person in self._people or EVERYONE in self._people)

    def some(self, most: int = 500) -> list[tuple[str, int]]:
        return [debt for debt, _ in zip(self._people.items(), range(most), strict=False)]

    def __len__(self) -> int:
        return len(self._people)

"""The two Postgres tables, and what is said to them.

`feedback_forgotten` is for replicas whose spools hold events of a person that another replica was
told to forget: such events are dropped when they arrive at last. It holds hashes, not people.

Every statement that stores takes its rows in key order, so that two replicas never wait for each
other; the order of arrival is in `received`.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reccore.serve.feedback.event import Arrival, Content, Event, Key
from reccore.serve.feedback.outcome import Outcome, first_of_each, judge

if TYPE_CHECKING:
    from reccore.serve.feedback.link import Connection

LOCK = 0x6665_6564  # of schema and deletions, by which replicas take turns
BATCH = 2000

EXISTS = "SELECT to_regclass('feedback_events'), to_regclass('feedback_forgotten')"
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS feedback_events (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL, item text NOT NULL, kind text NOT NULL,
        value double precision, at bigint NOT NULL, recommendation text,
        received bigint NOT NULL, UNIQUE (person, id))""",
    """CREATE INDEX IF NOT EXISTS feedback_events_of_person
        ON feedback_events (person, at, received)""",
    "CREATE INDEX IF NOT EXISTS feedback_events_in_time ON feedback_events (at, received, seq)",
    """CREATE TABLE IF NOT EXISTS feedback_forgotten (
        person bytea PRIMARY KEY, received bigint NOT NULL)""",
)
COLUMNS = "id, person, item, kind, value, at, recommendation"  # as in Event
INSERT = f"""INSERT INTO feedback_events ({COLUMNS}, received)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::float8[],
        %s::bigint[], %s::text[], %s::bigint[])
    ON CONFLICT (person, id) DO NOTHING RETURNING person, id"""  # noqa: S608
BEFORE = """SELECT person, id, item, kind, value, recommendation FROM feedback_events
    WHERE (person, id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"""
LATEST = f"""SELECT {COLUMNS} FROM feedback_events WHERE person = %s
    ORDER BY at DESC, received DESC LIMIT %s"""  # noqa: S608
DELETE = """DELETE FROM feedback_events WHERE seq IN
    (SELECT seq FROM feedback_events
     JOIN unnest(%s::text[], %s::bigint[]) AS gone (who, until)
     ON person = who AND received <= until LIMIT %s)"""
REMEMBER = """INSERT INTO feedback_forgotten SELECT * FROM unnest(%s::bytea[], %s::bigint[])
    ON CONFLICT (person) DO UPDATE
    SET received = greatest(feedback_forgotten.received, excluded.received)"""
REMEMBERED = "SELECT person, received FROM feedback_forgotten WHERE person = ANY(%s)"
EXPIRE = """DELETE FROM feedback_events WHERE seq IN
    (SELECT seq FROM feedback_events WHERE at < %s ORDER BY at, received, seq LIMIT %s)"""
PAGE = f"""SELECT {COLUMNS}, received, seq FROM feedback_events
    WHERE (at, received, seq) > (%s, %s, %s)
    ORDER BY at, received, seq LIMIT %s"""  # noqa: S608


async def lay_out(connection: "Connection") -> None:
    """Create what is missing; replicas that start together take turns."""
    found = await (await connection.execute(EXISTS)).fetchone()
    if found and all(found):
        return
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '5s'")
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        for statement in SCHEMA:
            await connection.execute(statement)


async def insert(connection: "Connection", arrivals: Sequence[Arrival]) -> list[Outcome]:
    first = first_of_each(arrivals)
    rows = [first[key] for key in sorted(first)]
    events = [row.event for row in rows]
    columns = [
        [event.id for event in events],
        [event.user for event in events],
        [event.item for event in events],
        [event.kind for event in events],
        [None if event.value is None else float(event.value) for event in events],
        [event.at for event in events],
        [event.recommendation for event in events],
        [row.received for row in rows],
    ]
    fresh: set[Key] = {(p, i) for p, i in await _all(connection, INSERT, columns)}
    others = [key for key in first if key not in fresh]
    before: dict[Key, Content] = {}
    if others:
        keys = [[user for user, _ in others], [id for _, id in others]]
        found = await _all(connection, BEFORE, keys)
        before = {(row[0], row[1]): (row[2], row[3], row[4], row[5]) for row in found}
    return judge(arrivals, fresh, before)


async def replay(connection: "Connection", arrivals: Sequence[Arrival]) -> list[Outcome]:
    """Insert what waited, but for people who were forgotten meanwhile, by whatever replica."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK])
        people = {_hash(arrival.event.user) for arrival in arrivals}
        gone = dict(await _all(connection, REMEMBERED, [list(people)]))
        kept = [
            arrival
            for arrival in arrivals
            if arrival.received > gone.get(_hash(arrival.event.user), 0)
        ]
        return await insert(connection, kept)


async def forget(connection: "Connection", deletions: Iterable[tuple[str, int]]) -> int:
    """Delete what was received until then; later events of the same person stay.

    At most `BATCH`, within the time a statement has: where so many went, call again.
    """
    people = dict(deletions)
    untils = list(people.values())
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        count = (await connection.execute(DELETE, [list(people), untils, BATCH])).rowcount
        await connection.execute(REMEMBER, [[_hash(user) for user in people], untils])
    return count


async def latest(connection: "Connection", user: str, limit: int) -> list[Event]:
    rows = await _all(connection, LATEST, [user, limit])
    return [Event(*row) for row in reversed(rows)]


async def page(connection: "Connection", place: tuple[int, int, int]) -> list[tuple[Any, ...]]:
    return await _all(connection, PAGE, [*place, BATCH])


async def expire(connection: "Connection", older_than: int) -> int:
    return (await connection.execute(EXPIRE, [older_than, BATCH])).rowcount


async def expire_forgotten(connection: "Connection", older_than: int) -> None:
    """A spool does not lie about as long as events are kept."""
    await connection.execute(
        "DELETE FROM feedback_forgotten WHERE received < %s", [older_than * 1_000_000]
    )


async def _all(connection: "Connection", query: str, values: Sequence[Any]) -> list[Any]:
    return await (await connection.execute(query.encode(), values)).fetchall()


def _hash(user: str) -> bytes:
    return hashlib.sha256(user.encode()).digest()

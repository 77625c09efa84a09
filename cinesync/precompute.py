"""Answers made beforehand for the users who are most active: the database level of the cache."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

from cinesync.api.models import Recommend
from cinesync.api.routes import canonical
from cinesync.api.service import RECENT, answered, met, most_active, request_of
from reccore.bundle.bundle import Bundle
from reccore.bundle.registry import Registry
from reccore.errors import UserError
from reccore.serve.cache.lists import Bundle as Made
from reccore.serve.cache.lists import Row
from reccore.serve.cache.postgres import begin_table, drop_other_versions, write_table
from reccore.serve.cache.settings import is_postgres
from reccore.serve.cache.snapshot import begin_snapshot, write_snapshot
from reccore.serve.feedback import Event, Store, open_store
from reccore.serve.settings import ServeSettings


def precompute(
    registry: Registry,
    name: str,
    settings: ServeSettings,
    top: int,
    asked: Recommend,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write the champion's answers to `asked` for the `top` longest histories; how many.

    Servers that are told of the same lists find them there. What users did since then outdates
    theirs, and no server answers with them any more.
    """
    home = settings.cache.lists
    if not home:
        raise UserError("no place for the lists is set", "e.g. --set cache.lists=lists.duckdb")
    begun = begin_table(home) if is_postgres(home) else begin_snapshot(Path(home))
    version = registry.version(name)
    bundle = Bundle.open(registry.root / name / version, settings.threads)
    made = Made("cinesync", name, version, bundle.manifest.generation)
    rows = _rows(bundle, settings, top, asked, progress)
    if is_postgres(home):
        count = write_table(home, made, rows, begun)
        drop_other_versions(home, made, begun)
        return count
    return write_snapshot(Path(home), made, rows, begun)


def _rows(
    bundle: Bundle,
    settings: ServeSettings,
    top: int,
    asked: Recommend,
    progress: Callable[[int, int], None],
) -> Iterator[Row]:
    if bundle.users is None:
        raise UserError("the bundle holds no users", "export it with its users")
    best = most_active(bundle, top)
    how = settings.feedback
    with asyncio.Runner() as runner:
        store: Store = open_store(how.url, how.spool, how.spool_mb)
        try:
            for done, user in enumerate(best, start=1):
                lately = met(runner.run(_events(store, user)))
                one = asked.model_copy(update={"user": user})
                body = answered(bundle, request_of(one, bundle, lately), one.explain)
                yield Row(user, canonical(one), body)
                progress(done, len(best))
        finally:
            runner.run(store.close())


async def _events(store: Store, user: str) -> tuple[Event, ...]:
    recent = await store.of_user(user, RECENT)
    if recent.degraded:
        raise UserError(recent.degraded[0], "try again when the feedback can be read")
    return recent.events

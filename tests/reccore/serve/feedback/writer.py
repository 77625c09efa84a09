"""A process that stores events and says which, until it is killed: writer.py URL SPOOL NAME."""

import asyncio
import sys

from happenings import event

from reccore.serve.feedback import open_store


async def main(url, spool, name):
    store = open_store(url, spool)

    async def one(caller):
        for n in range(100_000):
            ids = [f"{name}-{caller}-{n}-{part}" for part in range(3)]
            answer = await store.add([event(id, f"user{caller}", name) for id in ids])
            assert answer.stored == 3
            print("\n".join(ids), flush=True)

    await asyncio.gather(*(one(caller) for caller in range(8)))


asyncio.run(main(*sys.argv[1:]))

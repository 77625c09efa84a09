"""The server as the pages see it: a shop that answers wishes."""

import math
import time
from collections.abc import Sequence
from datetime import date
from hashlib import blake2b

from giftrec.agent.wish import Wish
from giftrec.api.gifts import Gifts
from giftrec.api.models import Happened, Kind
from giftrec.api.routes import event
from giftrec.api.service import wished
from giftrec.counter import Counter, Desk
from giftrec.kept import Kept, is_id
from giftrec.money import RateTable
from giftrec.vocabulary import Vocabulary
from giftrec.web.shop import Found
from reccore.serve.refusal import Refusal
from reccore.serve.server import Server


class ServedShop:
    """What a visitor does is kept under the recommendation's id: nobody is known by name."""

    def __init__(self, server: Server[Counter]) -> None:
        self._server, self._gifts = server, Gifts.of(server)

    @property
    def _desk(self) -> Desk:
        return self._server.champion.bundle.desk

    @property
    def vocabulary(self) -> Vocabulary:
        return self._desk.vocabulary

    @property
    def currencies(self) -> tuple[str, ...]:
        """Those with a rate to the catalogue's, which comes first."""
        ours, rates = self._desk.snapshot.currency, self.rates
        if rates is None or ours not in {rates.base, *rates.rates}:
            return (ours,)
        return (ours, *sorted({rates.base, *rates.rates} - {ours}))

    @property
    def rates(self) -> RateTable | None:
        return self._gifts.rates

    @property
    def size(self) -> int:
        return len(self._desk.front)

    def today(self) -> date:
        return self._gifts.today()

    def titles(self, gifts: Sequence[str]) -> dict[str, str]:
        snapshot = self._desk.snapshot
        numbers = {gift: snapshot.index[gift] for gift in gifts if gift in snapshot.index}
        return {gift: str(snapshot.gifts["title"][n]) for gift, n in numbers.items()}

    def ratings(self, gifts: Sequence[str]) -> dict[str, tuple[float, int]]:
        snapshot, found = self._desk.snapshot, {}
        for gift in gifts:
            number = snapshot.index.get(gift)
            if number is not None and snapshot.ratings[number] > 0:
                stars = float(snapshot.stars[number])
                if not math.isnan(stars):
                    found[gift] = stars, int(snapshot.ratings[number])
        return found

    async def find(self, wish: Wish) -> Found:
        made = await wished(self._server, wish)
        added = tuple(one.words for one in made.degraded)
        return Found(made.reply.model_copy(update={"degraded": added}), made.id)

    async def kept(self, id: str) -> Kept | None:
        return await self._gifts.kept.get(id)

    async def tell(self, kind: Kind, gift: str, id: str) -> bool:
        if not is_id(id):
            return False
        name = blake2b(f"{kind} {gift}".encode("utf-8", "surrogatepass"), digest_size=12)
        told = Happened(id=name.hexdigest(), gift=gift, kind=kind, recommendation_id=id)
        try:
            await self._server.store.add([event(told, int(time.time()))])
        except Refusal:
            return False
        return True

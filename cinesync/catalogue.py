"""Search titles and show items, of one bundle."""

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import polars as pl

from cinesync.api.models import Listed
from reccore.bundle.asking import having
from reccore.bundle.bundle import Bundle
from reccore.errors import UserError
from reccore.serve.refusal import Refusal

_MADE: "WeakKeyDictionary[Bundle, Catalogue]" = WeakKeyDictionary()


@dataclass(frozen=True)
class Found:
    """A page of items."""

    items: list[Listed]
    total: int
    next: int | None


class Catalogue:
    """Titles as they are searched: lower case, without accents."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @classmethod
    def of(cls, bundle: Bundle) -> "Catalogue":
        """The bundle's, made once."""
        found = _MADE.get(bundle)
        if found is None:
            found = _MADE[bundle] = cls(bundle)
        return found

    @cached_property
    def titles(self) -> pl.Series:
        ids, titles = self.bundle.items.ids.externals, self.bundle.items.titles
        return plain(pl.Series([str(i) for i in ids] if titles is None else list(titles)))

    def search(self, query: str, only: list[str], count: int, offset: int) -> Found:
        """Every word must be in the title; titles that begin so come first, then the popular."""
        bundle = self.bundle
        wanted = plain(pl.Series([query], dtype=pl.String))[0]
        fits = np.ones(len(bundle.items), dtype=np.bool_)
        if bundle.offered is not None:
            fits &= bundle.offered
        for word in wanted.split()[:10]:
            fits &= self.titles.str.contains(word, literal=True).to_numpy()
        for pair in only:
            fits &= self._having(pair)
        codes = np.flatnonzero(fits)
        begins = np.zeros(len(codes), dtype=np.int8)
        if wanted:
            some = self.titles.gather(codes)
            begins = (some == wanted).cast(pl.Int8).to_numpy() + some.str.starts_with(wanted).cast(
                pl.Int8
            ).to_numpy()
        order = np.lexsort((codes, -bundle.popularity[codes], -begins))
        page = codes[order[offset : offset + count]]
        after = offset + count
        return Found(
            [self.listed(int(code)) for code in page],
            len(codes),
            after if after < len(codes) else None,
        )

    def _having(self, pair: str) -> npt.NDArray[np.bool_]:
        feature, _, word = pair.partition("=")
        try:
            return having(self.bundle, feature, [word])
        except UserError as error:
            raise Refusal(
                422, "unknown_word", error.problem, field="only", remedy=error.remedy
            ) from None

    def one(self, item: str) -> Listed:
        code = int(self.bundle.codes([item])[0])
        if code < 0:
            raise Refusal(404, "unknown_item", f"no item {item!r}", field="item")
        return self.listed(code)

    def listed(self, code: int) -> Listed:
        items, offered = self.bundle.items, self.bundle.offered
        features = {
            name: [bags.vocabulary[w] for w in bags.words[slice(*bags.offsets[code : code + 2])]]
            for name, bags in items.features.items()
        }
        return Listed(
            item=str(items.ids.externals[code]),
            title=None if items.titles is None else items.titles[code],
            features=features,
            offered=offered is None or bool(offered[code]),
        )


def plain(texts: pl.Series) -> pl.Series:
    """Lower case, and letters without their accents."""
    return texts.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_lowercase()

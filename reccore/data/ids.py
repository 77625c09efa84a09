"""External ids of any type at the edge, dense codes inside."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from reccore.errors import UserError

Codes = np.ndarray[tuple[int], np.dtype[np.int32]]
ExternalId = int | str
_INTEGER = re.compile("-?[0-9]+", re.ASCII)
FEW = 4096  # ids that are looked up one by one: a join first hashes all that are known


@dataclass(frozen=True, eq=False)
class IdMap:
    """An immutable bijection: external id <-> code 0..n-1. Ids are ints or strings."""

    ids: pl.Series

    @classmethod
    def of(cls, values: pl.Series) -> "IdMap":
        """Sorted unique ids, so that the same data gives the same codes in any row order."""
        return cls(values.unique().sort())

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _codes(self) -> dict[ExternalId, int]:
        return {external: code for code, external in enumerate(self.externals)}

    def encode(self, values: pl.Series | Sequence[ExternalId]) -> Codes:
        """Codes of external ids; -1 where the id is unknown."""
        series = values if isinstance(values, pl.Series) else pl.Series(list(values))
        if series.len() == 0 or len(self) == 0:
            return np.full(series.len(), -1, dtype=np.int32)
        if series.dtype != self.ids.dtype:
            series = series.cast(self.ids.dtype, strict=False)
        known = pl.DataFrame({"id": self.ids, "code": np.arange(len(self), dtype=np.int32)})
        found = (
            series.alias("id").to_frame().join(known, on="id", how="left", maintain_order="left")
        )
        return found["code"].fill_null(-1).to_numpy().astype(np.int32)

    def few(self, values: Sequence[ExternalId]) -> Codes:
        """The same of the ids of one request, which may be text whatever the ids are."""
        if len(values) > FEW:
            return self.encode(pl.Series([str(value) for value in values], dtype=pl.String))
        codes = [self._codes.get(self._own(value), -1) for value in values]
        return np.array(codes, dtype=np.int32)

    def code(self, external: ExternalId, what: str = "id") -> int:
        """The code of one id, or an error that names it."""
        code = self._codes.get(self._own(external))
        if code is None:
            examples = ", ".join(str(i) for i in self.ids.head(3).to_list())
            raise UserError(f"unknown {what} {external!r}", f"known are e.g. {examples}")
        return code

    def _own(self, external: ExternalId) -> ExternalId:
        """An id as ids are here."""
        if self._whole:
            plain = isinstance(external, str) and _INTEGER.fullmatch(external)
            return int(external) if plain else external
        return str(external)

    @cached_property
    def _whole(self) -> bool:
        return self.ids.dtype.is_integer()

    @cached_property
    def externals(self) -> list[ExternalId]:
        """The external id of every code."""
        return self.ids.to_list()

    def decode(self, codes: Codes) -> pl.Series:
        """External ids of codes."""
        return self.ids.gather(np.asarray(codes))

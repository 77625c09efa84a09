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
    def _codes(self) -> dict[str, int]:
        return {str(external): code for code, external in enumerate(self.externals)}

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
        codes = [self._codes.get(text) for text in map(str, values)]
        if None in codes:
            known = zip(codes, values, strict=True)
            codes = [self._otherwise(value) if code is None else code for code, value in known]
        return np.array(codes, dtype=np.int32)

    def code(self, external: ExternalId, what: str = "id") -> int:
        """The code of one id, or an error that names it."""
        code = int(self.few([external])[0])
        if code < 0:
            examples = ", ".join(str(i) for i in self.ids.head(3).to_list())
            raise UserError(f"unknown {what} {external!r}", f"known are e.g. {examples}")
        return code

    def _otherwise(self, value: ExternalId) -> int:
        """The code of a number that is written otherwise, as 007; -1 where there is none."""
        text = str(value)
        if not self.ids.dtype.is_integer() or not _INTEGER.fullmatch(text):
            return -1
        return self._codes.get(str(int(text)), -1)

    @cached_property
    def externals(self) -> list[ExternalId]:
        """The external id of every code."""
        return self.ids.to_list()

    def decode(self, codes: Codes) -> pl.Series:
        """External ids of codes."""
        return self.ids.gather(np.asarray(codes))

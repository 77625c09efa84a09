"""What an import read, took, mended and refused: every row is accounted for, with its reason."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

EXAMPLES = 3  # of each reason that are shown
SHOWN = 80  # letters of an example


@dataclass
class Report:
    """Rows read = rows taken + rows rejected, by reason; and fields that were mended, by how."""

    files: list[dict[str, Any]] = field(default_factory=list)
    read: int = 0
    taken: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    mended: dict[str, Counter[str]] = field(default_factory=dict)
    unread: dict[str, Counter[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)

    def reject(self, reason: str, file: str, row: int, value: object = None) -> None:
        """One row that is not taken."""
        self.rejected[reason] += 1
        self._example(reason, file, row, value)

    def reject_rows(self, reason: str, rows: pl.DataFrame, value: str | None = None) -> None:
        """Rows (with `file` and `row`) that are not taken; `value` names the column to show."""
        if not rows.height:
            return
        self.rejected[reason] += rows.height
        for row in rows.head(EXAMPLES).iter_rows(named=True):
            self._example(reason, row["file"], row["row"], row[value] if value else None)

    def mend(self, what: str, how: str, rows: int, example: object = None) -> None:
        """A field of some rows that was understood only after mending."""
        if rows:
            self.mended.setdefault(what, Counter())[how] += rows
            self._example(f"{what}: {how}", None, None, example)

    def leave_unknown(self, what: str, why: str, rows: int, example: object = None) -> None:
        """A field of some rows that was not understood, so that it counts as not stated."""
        if rows:
            self.unread.setdefault(what, Counter())[why] += rows
            self._example(f"{what}: {why}", None, None, example)

    def note(self, *notes: str) -> None:
        """Something the owner of the catalogue should know, once."""
        self.notes += [note for note in notes if note not in self.notes]

    def check(self) -> None:
        """Every row that was read was taken or rejected."""
        assert self.read == self.taken + self.rejected.total(), (
            f"{self.read} rows read, {self.taken} taken, {self.rejected.total()} rejected"
        )

    def as_dict(self) -> dict[str, Any]:
        """For programs (and for the snapshot's facts)."""
        return {
            "files": self.files,
            "rows": {
                "read": self.read,
                "taken": self.taken,
                "rejected": self.rejected.total(),
            },
            "rejected": dict(self.rejected.most_common()),
            "mended": {what: dict(hows.most_common()) for what, hows in self.mended.items()},
            "left_unknown": {what: dict(whys.most_common()) for what, whys in self.unread.items()},
            "examples": self.examples,
            "notes": self.notes,
            **self.result,
        }

    def lines(self) -> Iterable[str]:
        """For people."""
        for file in self.files:
            yield f"{file['path']}: {file['how']}"
            for role, columns in file["mapping"].items():
                yield f"  {role} = {' + '.join(columns)}"
            if file["ignored"]:
                yield f"  not used: {', '.join(file['ignored'])}"
        yield (f"{self.read:,} rows read, {self.taken:,} taken, {self.rejected.total():,} rejected")
        for reason, count in self.rejected.most_common():
            yield f"  rejected {count:,}: {reason}{self._shown(reason)}"
        yield from self._fields("mended", self.mended)
        yield from self._fields("left unknown", self.unread)
        yield from (f"note: {note}" for note in self.notes)

    def _fields(self, what: str, fields: Mapping[str, Counter[str]]) -> Iterable[str]:
        for name, reasons in fields.items():
            for reason, count in reasons.most_common():
                yield f"  {what} {count:,}: {name}: {reason}{self._shown(f'{name}: {reason}')}"

    def _example(self, reason: str, file: str | None, row: int | None, value: object) -> None:
        kept = self.examples.setdefault(reason, [])
        shown = None if value is None else _short(value)
        if len(kept) < EXAMPLES and (row is not None or shown is not None):
            place = {} if row is None else {"file": file, "row": row}
            kept.append(place if shown is None else {**place, "value": shown})

    def _shown(self, reason: str) -> str:
        found = self.examples.get(reason, [])
        parts = [
            (f"row {e['row']}" if "row" in e else "") + (f" {e['value']!r}" if "value" in e else "")
            for e in found
        ]
        return f"  (e.g. {', '.join(part.strip() for part in parts)})" if found else ""


def _short(value: object) -> str:
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."

"""Rows of a store as recommendations again."""

import logging

from giftrec.kept.kept import Kept, Row

log = logging.getLogger(__name__)


def read_back(rows: list[Row], counts: dict[str, int]) -> list[Kept]:
    """Those that this version understands; the others are counted, and said once a batch."""
    found: list[Kept] = []
    for row in rows:
        try:
            found.append(Kept.of_row(row))
        except ValueError:
            counts["unreadable"] += 1
    if len(found) < len(rows):
        log.warning("%d kept recommendations are unreadable", len(rows) - len(found))
    return found

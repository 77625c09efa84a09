"""One sentence in plain English as what a gift is looked for by: `parse`."""

from giftrec.sentence.profile import Defaults, Draft
from giftrec.sentence.reading import LONGEST, parse
from giftrec.sentence.result import Ages, Budget, Parsed, Person, Slot

__all__ = [
    "LONGEST",
    "Ages",
    "Budget",
    "Defaults",
    "Draft",
    "Parsed",
    "Person",
    "Slot",
    "parse",
]

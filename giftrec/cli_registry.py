"""`giftrec registry`: which gift bundle answers."""

from pathlib import Path

from giftrec.show import Show
from reccore.bundle.cli_registry import registry_app


def prove(folder: Path) -> None:
    """What a gift bundle must pass before it answers anybody: its hashes and its golden answers."""
    from giftrec.bundle.bundle import GiftBundle
    from giftrec.bundle.golden import check_golden

    check_golden(GiftBundle.open(folder))


registry = registry_app("giftrec", Show, prove)

"""`cinesync registry`: which bundle answers."""

from cinesync.show import Show
from reccore.bundle.cli_registry import registry_app

registry = registry_app("cinesync", Show)

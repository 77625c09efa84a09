"""Errors a user can mend: they name what is wrong, the value, and the remedy."""

import importlib
from types import ModuleType


class UserError(Exception):
    """Bad input. Command lines print it as one line and exit with code 2."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem} ({remedy})" if remedy else problem)


class MissingExtraError(UserError):
    """An optional dependency is needed and absent."""


class TrainingError(Exception):
    """A training that cannot go on (losses not finite, say). Exit code 1."""


class InterruptedTrainingError(Exception):
    """Ctrl-C, after everything was saved; says how to go on. Exit code 130."""


def need(module: str, extra: str) -> ModuleType:
    """Import an optional dependency where it is used, or say which extra brings it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        raise MissingExtraError(
            f"{missing} is not installed", f"pip install 'giftrec[{extra}]'"
        ) from None

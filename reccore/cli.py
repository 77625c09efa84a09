"""What the command lines share: exit codes, and options laid over settings."""

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from reccore.config import Tree, merge
from reccore.errors import InterruptedTrainingError, TrainingError, UserError

BAD_INPUT, FAILURE, INTERRUPTED = 2, 1, 130


def exit_codes(app: typer.Typer, name: str, words: Sequence[str] | None = None) -> int:
    """Run an app on `words` (sys.argv's by default).

    Users see one line that names the problem and the remedy, never a traceback.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        app(args=words, prog_name=name)
    except UserError as error:
        return _fail(f"error: {error}", BAD_INPUT)
    except TrainingError as error:
        return _fail(f"error: {error}", FAILURE)
    except OSError as error:
        return _system(error)
    except InterruptedTrainingError as interrupted:
        return _fail(str(interrupted), INTERRUPTED)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILURE
    return 0


def _system(error: OSError) -> int:
    """A closed pipe ends quietly; a file that cannot be read or written is named."""
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()
        return FAILURE
    if error.filename is None:
        raise error
    return _fail(f"error: {error.filename}: {error.strerror}", FAILURE)


def _fail(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


def assignments_of(options: Mapping[str, Any]) -> Tree:
    """`{"train.lr": 1e-3, "split.kind": None}` as a tree; options not given are left out."""
    tree: Tree = {}
    for key, value in options.items():
        if value is None:
            continue
        section, name = key.split(".")
        tree = merge(tree, {section: {name: value}})
    return tree

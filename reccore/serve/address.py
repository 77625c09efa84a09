"""Where a store keeps its rows: a file of this machine, or a Postgres that replicas share."""

import re
from pathlib import Path

from reccore.errors import UserError


def place(url_or_path: str | Path, what: str) -> str | Path:
    """The Postgres address, or the path of the SQLite file; `what` is kept there, for messages.

    `file.sqlite`, `sqlite:///relative`, `sqlite:////absolute` or `postgresql://...`.
    """
    text = str(url_or_path)
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):/", text)
    if scheme and scheme[1] in {"postgres", "postgresql"}:
        return text
    if scheme and scheme[1] != "sqlite":
        raise UserError(
            f"{what} cannot be kept in {scheme[1]}", "a file, sqlite:///file or postgresql://..."
        )
    if scheme and not text.startswith("sqlite:///"):
        raise UserError("a SQLite address has three slashes", f"sqlite:///{what}.sqlite")
    path = text.removeprefix("sqlite:///")
    if not path or path.startswith(":memory:"):
        raise UserError(
            f"{what} in {path or 'no file'} would be lost with the process", "name a file"
        )
    return Path(path)

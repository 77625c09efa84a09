"""The `keys` commands of either product: the same words, the product's own printing."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from reccore.errors import UserError
from reccore.serve.keys import Key, KeyRing
from reccore.serve.limits import Limit
from reccore.serve.scopes import GRANTS, Scope
from reccore.show import Plain

FILE = Path("keys.toml")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
File = Annotated[Path, typer.Option("--file", help="The file that holds them.", metavar="TOML")]
Name = Annotated[str, typer.Argument(help="What to call the key, in logs too.")]


def keys_app(show: Callable[[bool], Plain]) -> typer.Typer:
    """The sub-command; `show(as_json)` prints."""
    app = typer.Typer(help="API keys of the server: make, list, revoke.", no_args_is_help=True)

    @app.command()
    def new(
        name: Name,
        scope: Annotated[
            str, typer.Option(help="read, write (and read) or admin (and both).")
        ] = "read",
        expires: Annotated[
            str | None,
            typer.Option(help="When it ends: 12h, 90d, 8w or 2030-01-31.", metavar="WHEN"),
        ] = None,
        rate: Annotated[
            float | None, typer.Option(help="Requests a second, instead of the server's limit.")
        ] = None,
        burst: Annotated[
            int | None, typer.Option(help="Requests at once (default: two seconds of --rate).")
        ] = None,
        file: File = FILE,
        as_json: AsJson = False,
    ) -> None:
        """Make the key NAME and print it, once: the file keeps only its hash.

        A running server takes it up within a second.
        """
        if burst is not None and rate is None:
            raise UserError("--burst without --rate", "give both")
        limit = None if rate is None else Limit(rate, burst or max(1, round(2 * rate)))
        ends = None if expires is None else when(expires, datetime.now(UTC))
        key, secret = KeyRing.load(file).create(name, (_scope(scope),), ends, limit)
        facts = {"key": secret, **_facts(key), "file": str(file)}
        show(as_json).record(f"made {name}; its key is shown only now", facts)

    @app.command("list")
    def list_(file: File = FILE, as_json: AsJson = False) -> None:
        """List the keys' names, scopes and ends; the keys themselves are nowhere kept."""
        rows = [_facts(key) for key in KeyRing.load(file).in_force()]
        show(as_json).records(f"Keys in {file}", rows)

    @app.command()
    def revoke(name: Name, file: File = FILE, as_json: AsJson = False) -> None:
        """End the key NAME. A running server refuses it within a second."""
        KeyRing.load(file).revoke(name)
        show(as_json).record(f"revoked {name}", {"name": name, "file": str(file)})

    return app


def when(text: str, now: datetime) -> datetime:
    """`90d` from now, or a day (its start, in UTC) or instant as ISO 8601 writes it.

    >>> when("36h", datetime(2030, 1, 1, tzinfo=UTC)).isoformat()
    '2030-01-02T12:00:00+00:00'
    """
    span = re.fullmatch(r"([0-9]{1,5})([hdw])", text)
    try:
        if span:
            return now + int(span[1]) * UNITS[span[2]]
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UserError(f"--expires {text!r}", "e.g. 12h, 90d, 8w or 2030-01-31") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _scope(text: str) -> Scope:
    for scope in GRANTS:
        if scope == text:
            return scope
    raise UserError(f"--scope {text!r}", f"one of {', '.join(GRANTS)}")


def _facts(key: Key) -> dict[str, object]:
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "created": key.created.isoformat(),
        "expires": key.expires.isoformat() if key.expires else None,
        "rate": key.limit.rate if key.limit else None,
        "burst": key.limit.burst if key.limit else None,
    }

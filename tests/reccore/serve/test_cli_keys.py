"""The `keys` words, what they print, and their exit codes."""

import contextlib
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from reccore.cli import exit_codes
from reccore.errors import UserError
from reccore.serve.cli_keys import keys_app, when
from reccore.serve.keys import KeyRing
from reccore.show import Plain


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def call(file: Path, *words: str) -> Done:
    app = typer.Typer()
    app.add_typer(keys_app(Plain), name="keys")
    app.command("other")(lambda: None)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = exit_codes(app, "product", ["keys", *words, "--file", str(file)])
    return Done(code, out.getvalue(), err.getvalue())


def test_from_new_to_revoke(file: Path) -> None:
    made = call(
        file, "new", "web", "--scope", "write", "--expires", "90d", "--rate", "5", "--json"
    ).json
    assert (made["name"], made["scopes"], made["rate"], made["burst"]) == ("web", ["write"], 5, 10)
    key = KeyRing.load(file).check(made["key"])
    assert key is not None
    assert key.expires is not None
    listed = call(file, "list", "--json").json
    assert [row["name"] for row in listed] == ["web"]
    assert made["key"] not in json.dumps(listed)
    assert call(file, "revoke", "web").out.startswith("revoked web")
    assert call(file, "list", "--json").json == []
    assert KeyRing.load(file).check(made["key"]) is None


def test_the_key_is_printed_once_and_whole(file: Path) -> None:
    done = call(file, "new", "a-name-that-is-rather-long-for-a-key")
    secret = next(word for word in done.out.split() if word.startswith("gr_"))
    assert KeyRing.load(file).check(secret)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("new", "Web"), "key name"),
        (("new", "web", "--scope", "root"), "one of read, write, admin"),
        (("new", "web", "--expires", "soon"), "--expires 'soon'"),
        (("new", "web", "--expires", "2001-01-01"), "would expire"),
        (("new", "web", "--expires", "999999w"), "--expires"),
        (("new", "web", "--burst", "3"), "--burst without --rate"),
        (("new", "web", "--rate", "0"), "rate limit"),
        (("revoke", "web"), "no key 'web'"),
    ],
)
def test_bad_input_is_named_and_exits_2(file: Path, words: tuple[str, ...], says: str) -> None:
    done = call(file, *words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert not file.exists() or KeyRing.load(file).in_force() == []


def test_when() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert when("2w", now) == datetime(2030, 1, 15, tzinfo=UTC)
    assert when("2030-02-01", now) == datetime(2030, 2, 1, tzinfo=UTC)
    assert when("2030-02-01T12:00:00+02:00", now) == datetime(2030, 2, 1, 10, tzinfo=UTC)
    with pytest.raises(UserError):
        when("-3d", now)

"""Keys: what is stored, who gets in, and what a changing file does to a running server."""

import hashlib
import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reccore.errors import UserError
from reccore.serve.keys import KeyRing, refuse_open
from reccore.serve.limits import Limit


class Time:
    """Both of a ring's clocks, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "keys.toml"


def ring(file: Path, time: Time | None = None) -> KeyRing:
    time = time or Time()
    return KeyRing.load(file, clock=time, ticks=time)


def test_only_a_hash_is_stored_for_the_owner_alone(file: Path) -> None:
    key, secret = ring(file).create("web", ("read",))
    text = file.read_text()
    assert secret.startswith("gr_")
    assert len(secret) >= 43, "256 bits"
    assert secret not in text
    assert hashlib.sha256(secret.encode()).hexdigest() in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret not in repr(key)
    assert sorted(p.name for p in file.parent.iterdir()) == [".keys.toml.lock", "keys.toml"]


def test_round_trip(file: Path) -> None:
    made = ring(file)
    ends = datetime(2031, 1, 1, tzinfo=UTC)
    key, secret = made.create("batch.job-1", ("write", "read"), ends, Limit(2.5, 7))
    assert made.check(secret) == ring(file).check(secret.encode()) == key
    assert (key.scopes, key.limit, key.expires) == (("read", "write"), Limit(2.5, 7), ends)
    assert key.allows("write")
    assert not key.allows("admin")


def test_admin_may_all(file: Path) -> None:
    key, _ = ring(file).create("root", ("admin",))
    assert [key.allows(scope) for scope in ("read", "write", "admin")] == [True] * 3


@given(wrong=st.one_of(st.binary(max_size=100), st.text(max_size=50)))
def test_anything_else_is_no_key(
    wrong: bytes | str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = ring(tmp_path_factory.mktemp("keys") / "keys.toml")
    key, secret = made.create("web", ("read",))
    assert made.check(wrong) is None
    assert made.check(secret[:-1]) is None
    assert made.check(key.digest) is None, "the stored hash is no key"
    assert made.check(key.digest.hex()) is None


def test_a_key_ends_when_it_says(file: Path) -> None:
    time = Time()
    made = ring(file, time)
    ends = datetime.fromtimestamp(time.now, UTC) + timedelta(minutes=1)
    _, secret = made.create("web", ("read",), ends)
    time.now += 59.9
    assert made.check(secret)
    time.now += 0.1
    assert made.check(secret) is None
    with pytest.raises(UserError, match="would expire"):
        made.create("late", ("read",), ends)


def test_a_running_server_takes_up_changes_within_a_second(file: Path) -> None:
    time = Time()
    running = ring(file, time)
    assert running.open
    _, secret = ring(file).create("web", ("read",))
    assert running.check(secret) is None, "it looks at most once a second"
    time.now += 1
    assert running.check(secret)
    assert not running.open
    ring(file).revoke("web")
    time.now += 1
    assert running.check(secret) is None


def test_it_looks_at_the_file_once_a_second(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    running = ring(file, time)
    looks = []
    monkeypatch.setattr(running, "_look", lambda: looks.append(time.now))
    for _ in range(100):
        running.check("x")
    assert looks == []
    time.now += 1
    running.check("x")
    assert len(looks) == 1


@pytest.mark.parametrize("damage", ["vanish", "break", "unknown", "writable"])
def test_a_damaged_file_changes_nothing_and_says_so(
    file: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    running = ring(file, time)
    _, secret = running.create("web", ("read",))
    whole = file.read_text()
    if damage == "vanish":
        file.unlink()
    elif damage == "break":
        file.write_text("[keys")
    elif damage == "unknown":
        file.write_text(whole.replace("created", "creatd"))
    else:
        file.write_text(whole + "\n")
        file.chmod(0o666)
    time.now += 1
    assert running.check(secret), "keys in force stay"
    assert not running.open
    assert running.problem
    assert "stay as they were" in caplog.text
    file.write_text(whole)
    file.chmod(0o600)
    time.now += 1
    assert running.check(secret)
    assert running.problem is None


def test_the_last_key_revoked_does_not_open_the_server(file: Path) -> None:
    made = ring(file)
    made.create("web", ("read",))
    made.revoke("web")
    assert not made.open
    assert not ring(file).open


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("read", "rule"), "scopes"),
        (("created", "made"), "created"),
        (('sha256 = "', 'sha256 = "zz'), "sha256"),
        (("[keys.web]", "[keys.WEB]"), "key name"),
        (("created", "rate = 1.0\ncreated"), "rate and burst"),
        (("[keys.web]", "[key.web]"), "did you mean keys"),
    ],
)
def test_a_broken_file_is_the_users_to_mend(file: Path, change: tuple[str, str], says: str) -> None:
    ring(file).create("web", ("read",))
    file.write_text(file.read_text().replace(*change))
    with pytest.raises(UserError, match=says):
        ring(file)


def test_one_key_under_two_names(file: Path) -> None:
    ring(file).create("web", ("read",))
    text = file.read_text()
    file.write_text(text + text.replace("keys.web", "keys.two"))
    with pytest.raises(UserError, match="same key"):
        ring(file)


@pytest.mark.parametrize("name", ["", "Web", "a b", "é", "-a", "a" * 65, "a\n", '"', "../x"])
def test_names_are_plain(file: Path, name: str) -> None:
    with pytest.raises(UserError, match="key name"):
        ring(file).create(name, ("read",))


def test_names_are_unique_and_known(file: Path) -> None:
    made = ring(file)
    made.create("web", ("read",))
    with pytest.raises(UserError, match="there is a key"):
        made.create("web", ("admin",))
    with pytest.raises(UserError, match="known: web"):
        made.revoke("wob")
    with pytest.raises(UserError, match="no scope"):
        made.create("none", ())


def test_writers_do_not_lose_each_others_keys(file: Path) -> None:
    secrets: dict[str, str] = {}

    def make(n: int) -> None:
        secrets[f"k{n}"] = ring(file).create(f"k{n}", ("read",))[1]

    threads = [threading.Thread(target=make, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = ring(file)
    found = {key.name for secret in secrets.values() if (key := made.check(secret))}
    assert found == {f"k{n}" for n in range(8)}


def test_an_open_server_answers_its_own_machine_only(file: Path) -> None:
    made = ring(file)
    for host in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"):
        refuse_open(host, made, False)
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", "", "localhost.example.org"):
        with pytest.raises(UserError, match="no API keys"):
            refuse_open(host, made, False)
        refuse_open(host, made, True)
    with pytest.raises(UserError):
        refuse_open("0.0.0.0", None, False)
    made.create("web", ("read",))
    refuse_open("0.0.0.0", made, False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_an_unreadable_file_is_named(file: Path) -> None:
    ring(file).create("web", ("read",))
    file.chmod(0)
    with pytest.raises((UserError, OSError), match=r"keys\.toml"):
        ring(file)

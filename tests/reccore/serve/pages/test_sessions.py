"""Tokens: signed, tied to a key, and over in time."""

from pathlib import Path

import pytest

from reccore.serve.keys import KeyRing
from reccore.serve.pages.sessions import LASTS, Sessions

SECRET = b"s" * 32


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.load(tmp_path / "keys.toml", every=0)


def test_replicas_with_one_secret_know_each_others_sessions(ring: KeyRing) -> None:
    _, key = ring.create("boss", ("admin",))
    mine = Sessions(ring, SECRET).sign_in(key)
    assert mine is not None
    assert mine.name == "boss"
    assert Sessions(ring, SECRET).find(mine.token) == mine
    assert Sessions(ring).find(mine.token) is None
    assert key not in mine.token


def test_a_session_ends_in_time(ring: KeyRing) -> None:
    now = 1_900_000_000.0
    sessions = Sessions(ring, SECRET, lambda: now)
    _, key = ring.create("boss", ("admin",))
    session = sessions.sign_in(key)
    assert session is not None
    now += LASTS - 1
    assert sessions.find(session.token) == session
    now += 1
    assert sessions.find(session.token) is None


def test_every_changed_character_breaks_it(ring: KeyRing) -> None:
    ring.create("boss", ("admin",))
    sessions = Sessions(ring, SECRET)
    token = sessions.visit().token
    assert sessions.find(token) is not None
    for at in range(len(token)):
        other = "0" if token[at] != "0" else "1"
        assert sessions.find(token[:at] + other + token[at + 1 :]) is None
    for wrong in (None, "", "!", "1!2!3!4!5!6", token + "!", "\u2603!\u2603"):
        assert sessions.find(wrong) is None


def test_who_came_before_there_were_keys_may_nothing_after(ring: KeyRing) -> None:
    sessions = Sessions(ring, SECRET)
    visit = sessions.visit()
    assert sessions.may(visit)
    ring.create("boss", ("admin",))
    assert sessions.find(visit.token) == visit
    assert not sessions.may(visit)


def test_forms_are_of_one_session(ring: KeyRing) -> None:
    sessions = Sessions(ring, SECRET)
    one, other = sessions.visit(), sessions.visit()
    assert sessions.given(one, sessions.form_token(one))
    assert not sessions.given(one, sessions.form_token(other))


def test_a_short_secret_is_refused(ring: KeyRing) -> None:
    with pytest.raises(ValueError, match="32"):
        Sessions(ring, b"short")

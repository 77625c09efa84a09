import errno
import itertools
import json
import os
import stat

import pytest
from happenings import NOW, event

from reccore.errors import UserError
from reccore.serve.feedback.event import Arrival
from reccore.serve.feedback.spool import Spool, SpoolFullError


@pytest.fixture
def opened(tmp_path):
    """Opens the spool of one folder; each is closed in the end."""
    spools = []

    def make(limit=10**6):
        spools.append(Spool(tmp_path / "spool", limit))
        return spools[-1]

    yield make
    for spool in spools:
        if spool.size >= 0:
            spool.close()


def reopen(spool, opened):
    spool.close()
    spool.size = -1  # closed already
    return opened()


TIMES = itertools.count(NOW * 1_000_000)


def put(spool, *events):
    arrivals = [Arrival(one, next(TIMES)) for one in events]
    arrivals, lines = spool.fitting(arrivals)
    spool.append(lines)
    spool.hold(arrivals)
    return len(arrivals)


def file_of(tmp_path):
    return tmp_path / "spool" / "waiting-0.jsonl"


EVENTS = [
    event(f"e{n}", user, "Ω\n\u2028'", "rate", 2.5) for n in range(3) for user in ("a", "b\n")
]


def test_a_process_that_starts_again_finds_its_spool(opened):
    spool = opened()
    assert put(spool, *EVENTS) == 6
    again = reopen(spool, opened)
    assert [arrival.event for arrival in again.first(99)] == EVENTS
    assert again.of_person("b\n") == EVENTS[1::2]
    assert again.unreadable == 0


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_torn_last_line_is_cut_off(opened, tmp_path, cut):
    spool = opened()
    put(spool, *EVENTS)
    content = file_of(tmp_path).read_bytes()
    file_of(tmp_path).write_bytes(content[:-cut])
    again = reopen(spool, opened)
    assert [arrival.event for arrival in again.first(99)] == EVENTS[:-1]
    put(again, EVENTS[-1])
    last = reopen(again, opened)
    assert [arrival.event for arrival in last.first(99)] == EVENTS
    assert last.unreadable == 0


def test_lines_that_rotted_are_counted_and_the_others_kept(opened, tmp_path):
    spool = opened()
    put(spool, *EVENTS)
    lines = file_of(tmp_path).read_bytes().splitlines()
    lines[1] = b"\0" * 20
    lines[2] = b'{"received": 5}'
    lines[3] = b"[]"
    lines[4] = json.dumps({**json.loads(lines[4]), "user": ""}).encode()
    file_of(tmp_path).write_bytes(b"\n".join(lines) + b"\n")
    again = reopen(spool, opened)
    assert [arrival.event for arrival in again.first(99)] == [EVENTS[0], EVENTS[5]]
    assert again.unreadable == 4


def test_it_takes_what_fits_and_no_more(opened, tmp_path):
    spool = opened(limit=500)
    took = put(spool, *EVENTS)
    assert 0 < took < 6
    assert file_of(tmp_path).stat().st_size == spool.size <= 500
    assert put(spool, event("again", item="i" * 200)) == 0
    assert not spool.usable


def test_a_disk_that_fails_midway_leaves_whole_lines(opened, tmp_path, monkeypatch):
    spool = opened()
    put(spool, EVENTS[0])
    write = os.write

    def full(file, data):
        if len(data) > 40:
            return write(file, bytes(data)[:40])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SpoolFullError):
        put(spool, EVENTS[1])
    monkeypatch.undo()
    put(spool, EVENTS[2])
    again = reopen(spool, opened)
    assert [arrival.event for arrival in again.first(9)] == [EVENTS[0], EVENTS[2]]
    assert again.unreadable == 0


def test_an_undo_that_fails_too_closes_the_spool_for_events(opened, monkeypatch):
    spool = opened()
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError(5, "I/O error")))
    monkeypatch.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(5, "I/O error")))
    with pytest.raises(SpoolFullError):
        put(spool, EVENTS[0])
    monkeypatch.undo()
    assert not spool.usable
    with pytest.raises(SpoolFullError):
        put(spool, EVENTS[1])


def test_a_deletion_takes_the_person_out_of_the_bytes(opened, tmp_path):
    spool = opened()
    put(spool, event("1", "annabel"), event("2", "bob"), event("3", "annabel"))
    spool.forgotten["annabel"] = until = next(TIMES)
    assert len(spool.take("annabel")) == 2
    spool.write_deletion("annabel", rewrite=True)
    lines = file_of(tmp_path).read_bytes().splitlines()
    assert [json.loads(line).get("user") for line in lines] == [None, "bob"]
    spool.hold([later := Arrival(event("4", "annabel"), next(TIMES))])
    spool.append(spool.fitting([later])[1])
    spool.forgotten["carl"] = 7
    spool.write_deletion("carl", rewrite=False)
    again = reopen(spool, opened)
    assert again.forgotten == {"annabel": until, "carl": 7}
    assert [one.id for one in again.of_person("annabel")] == ["4"]


def test_deletions_fit_when_events_do_not(opened):
    spool = opened(limit=300)
    put(spool, *EVENTS)
    for n in range(100):
        spool.forgotten[f"u{n}"] = 1
        spool.write_deletion(f"u{n}", rewrite=False)
    assert len(reopen(spool, opened).forgotten) == 100


def test_each_process_has_its_own_and_the_next_inherits(opened):
    left, right = opened(), opened()
    put(left, EVENTS[0])
    put(right, EVENTS[1])
    assert [arrival.event for arrival in right.first(9)] == [EVENTS[1]]
    third = opened()
    assert third.empty  # both live
    third.close()
    third.size = -1
    right.close()
    right.size = -1
    heir = reopen(left, opened)
    assert {arrival.event.key for arrival in heir.first(9)} == {
        EVENTS[0].key,
        EVENTS[1].key,
    }
    assert reopen(heir, opened).first(9)


def test_emptied_when_all_was_sent(opened, tmp_path):
    spool = opened()
    put(spool, *EVENTS)
    spool.release([one.key for one in EVENTS])
    spool.clear()
    assert file_of(tmp_path).read_bytes() == b""
    assert reopen(spool, opened).empty


def test_private_and_in_a_folder_that_can_be_used(opened, tmp_path):
    spool = opened()
    put(spool, *EVENTS)
    reopen(spool, opened)  # rewritten at the start
    assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600
    (tmp_path / "file").touch()
    with pytest.raises(UserError):
        Spool(tmp_path / "file", 1000)

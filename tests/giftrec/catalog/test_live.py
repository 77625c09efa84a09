"""The live catalogue is swapped at once: readers see the old one or the new one, whole."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from giftrec.catalog.live import LIVE, Catalogue, Follower
from giftrec.catalog.snapshot import Snapshot
from reccore.errors import UserError
from tests.giftrec.catalog.small import FACTS, small_tables


def version(number: int) -> dict[str, pl.DataFrame]:
    """Tables that say in every part which version they are of."""
    tables = small_tables()
    return {
        **tables,
        "gifts": tables["gifts"].with_columns(price=pl.lit(1000 + number)),
        "offers": tables["offers"].with_columns(price=pl.lit(1000 + number)),
    }


def whole(snapshot: Snapshot) -> int:
    """The version of a snapshot; a mixture of two fails."""
    said = {
        *snapshot.gifts["price"].to_list(),
        *snapshot.rows("offers", ["mug", "kiln", "train"])["price"].to_list(),
    }
    assert len(said) == 1, said
    assert snapshot.offers.height == 4
    assert snapshot.search("pottery").total == 2
    return int(said.pop()) - 1000


def test_publish_makes_live(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "gifts")
    with pytest.raises(UserError, match="no catalogue is live"):
        catalogue.live()
    first = catalogue.publish(version(1), FACTS)
    with catalogue.current() as old:
        second = catalogue.publish(version(2), FACTS)
        assert (catalogue.live(), first.exists()) == (second, True)
        assert whole(old) == 1  # who holds the old one goes on
    with catalogue.current() as new:
        assert whole(new) == 2


def test_old_ones_are_cleared_but_never_the_live_one(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    first = catalogue.publish(version(1), FACTS, keep=2)
    held = Snapshot.open(first)
    for number in (2, 3, 4):
        catalogue.publish(version(number), FACTS, keep=2)
    assert len(catalogue.names()) == 2
    assert not first.exists()
    assert whole(held) == 1  # cleared away, and still readable for who has it open
    held.close()
    catalogue.publish(version(5), FACTS, keep=1)
    assert catalogue.names() == [catalogue.live().name]
    with pytest.raises(UserError, match="keep is 0"):
        catalogue.publish(version(6), FACTS, keep=0)


def test_rollback(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    paths = [catalogue.publish(version(n), FACTS) for n in (1, 2, 3)]
    assert catalogue.rollback() == paths[1]
    assert catalogue.rollback() == paths[0]
    with pytest.raises(UserError, match="no snapshot before"):
        catalogue.rollback()
    assert catalogue.rollback("3") == paths[2]
    assert catalogue.rollback(paths[1].name) == paths[1]
    assert catalogue.rollback(paths[0].stem) == paths[0]
    with pytest.raises(UserError, match=r"no snapshot '9'.*there are: 000001-"):
        catalogue.rollback("9")
    newest = catalogue.publish(version(4), FACTS)  # after a rollback, numbers still grow
    assert newest.name.startswith("000004-")
    assert next((k.name, k.live) for k in catalogue.kept()) == (newest.name, True)


def test_a_broken_snapshot_never_goes_live(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    first, second = (catalogue.publish(version(n), FACTS) for n in (1, 2))
    first.chmod(0o644)
    first.write_bytes(b"nothing")
    with pytest.raises(UserError, match="is not a catalogue"):
        catalogue.rollback()
    assert catalogue.live() == second
    wrong = {**version(3), "gifts": version(3)["gifts"].with_columns(id=pl.lit("same"))}
    with pytest.raises(UserError, match="there twice"):
        catalogue.publish(wrong, FACTS)
    assert catalogue.live() == second
    assert not [p for p in tmp_path.iterdir() if "staged" in p.name]


@pytest.mark.parametrize("content", ["", "[]", '{"live": 3}', '{"live": "../a.duckdb"}', "{"])
def test_a_spoilt_pointer_is_named_and_can_be_mended(tmp_path: Path, content: str) -> None:
    catalogue = Catalogue(tmp_path)
    path = catalogue.publish(version(1), FACTS)
    (tmp_path / LIVE).write_text(content)
    with pytest.raises(UserError, match=LIVE):
        catalogue.current()
    assert catalogue.rollback("1") == path
    assert catalogue.live() == path


def test_what_a_killed_publisher_left_is_cleared(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    (tmp_path / ".staged-77.duckdb").write_bytes(b"half")
    (tmp_path / "..staged-77.duckdb.77.tmp").write_bytes(b"half")
    (tmp_path / ".catalogue-abc").mkdir()
    (tmp_path / ".catalogue-abc" / "gifts.parquet").write_bytes(b"half")
    path = catalogue.publish(version(1), FACTS)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([".lock", LIVE, path.name])


def test_readers_during_swaps_see_whole_snapshots(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    catalogue.publish(version(0), FACTS, keep=1)
    follower = Follower(catalogue)
    stop = threading.Event()
    troubles: list[BaseException] = []
    seen: set[int] = set()

    def read(follow: bool) -> None:
        last = 0
        try:
            while not stop.is_set():
                if follow:
                    number = whole(follower.now())
                else:
                    with catalogue.current() as snapshot:
                        number = whole(snapshot)
                assert number >= last, "an older snapshot came back"
                last = number
                seen.add(number)
        except BaseException as error:
            troubles.append(error)

    readers = [threading.Thread(target=read, args=(n % 2 == 0,)) for n in range(4)]
    for reader in readers:
        reader.start()
    for number in range(1, 9):
        catalogue.publish(version(number), FACTS, keep=1)
    stop.set()
    for reader in readers:
        reader.join(60)
    assert not troubles, troubles[0]
    assert follower.trouble is None
    assert whole(follower.now()) == 8
    assert len(seen) > 2


def test_a_snapshot_that_vanishes_before_it_is_opened_is_looked_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = Catalogue(tmp_path)
    path = catalogue.publish(version(1), FACTS)
    answers = [tmp_path / "000000-gone.duckdb", tmp_path / "000000-gone.duckdb", path]
    monkeypatch.setattr(catalogue, "live", lambda: answers.pop(0))
    with catalogue.current() as snapshot:
        assert whole(snapshot) == 1
    monkeypatch.setattr(catalogue, "live", lambda: tmp_path / "000000-gone.duckdb")
    with pytest.raises(UserError, match="no such catalogue"):
        catalogue.current()


def test_processes_that_read_and_publish_at_once(tmp_path: Path) -> None:
    """Three readers and two publishers, each a process of its own."""
    catalogue = Catalogue(tmp_path)
    catalogue.publish(version(0), FACTS, keep=2)
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from giftrec.catalog.live import Catalogue\n"
        "from tests.giftrec.catalog.test_live import FACTS, version, whole\n"
        "catalogue, n = Catalogue(Path(sys.argv[1])), int(sys.argv[2])\n"
        "if n:\n"
        "    for _ in range(4): catalogue.publish(version(n), FACTS, keep=2)\n"
        "else:\n"
        "    end = time.monotonic() + 2\n"
        "    while time.monotonic() < end:\n"
        "        with catalogue.current() as snapshot: whole(snapshot)\n"
    )
    root = Path(__file__).resolve().parents[3]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(n)],
            cwd=root,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        for n in (0, 0, 0, 1, 2)
    ]
    for one in running:
        _, errors = one.communicate(timeout=120)
        assert one.returncode == 0, errors.decode()[-2000:]
    assert catalogue.names()[-1].startswith("000009-")


def test_a_follower_keeps_the_old_one_when_the_new_one_is_broken(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    catalogue.publish(version(1), FACTS)
    follower = Follower(catalogue, warm=False)
    (tmp_path / "000002-bad.duckdb").write_bytes(b"nothing")
    (tmp_path / LIVE).write_text(json.dumps({"live": "000002-bad.duckdb"}))
    assert whole(follower.now()) == 1
    assert follower.trouble is not None
    assert "is still used" in follower.trouble
    catalogue.publish(version(3), FACTS)
    assert whole(follower.now()) == 3
    assert follower.trouble is None


def test_an_interrupted_publisher_leaves_nothing(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    path = catalogue.publish(version(1), FACTS)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from giftrec.catalog.live import Catalogue\n"
        "from giftrec.catalog.sources.generated import generated\n"
        "tables, facts = generated(20_000)\n"
        "print('ready', flush=True)\n"
        "Catalogue(Path(sys.argv[1])).publish(tables, facts)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(tmp_path.glob(".catalogue-*")):
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert catalogue.live() == path
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([".lock", LIVE, path.name])

"""Downloads against a local server: checked, resumed, unpacked whole, explained when they fail."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cinesync.sources import SOURCES, load, prepare
from cinesync.sources.download import fetch
from cinesync.sources.source import Source
from reccore.errors import UserError


def archive() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as zipped:
        zipped.writestr(
            "ml-latest-small/ratings.csv", "userId,movieId,rating,timestamp\n1,2,3.5,4\n"
        )
        zipped.writestr("ml-latest-small/movies.csv", "movieId,title,genres\n2,X (1999),Drama\n")
    return held.getvalue()


CONTENT = archive()
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    files: dict[str, bytes]
    ranges: list[str | None]
    resumes = True
    cut: int | None = None  # send so many bytes only


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if content is None:
            self.send_error(404)
            return
        start = int(asked.split("=")[1].rstrip("-")) if asked and self.server.resumes else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : self.server.cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.files = {
            "/a.zip": CONTENT,
            "/a.zip.md5": f"MD5 (a.zip) = {MD5}\n".encode(),
            "/b.zip": CONTENT,
            "/b.zip.md5": b"<html>sorry</html>",
        }
        running.ranges = []
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def at(server: Server, path: str = "/a.zip", md5: str | None = MD5) -> Source:
    return replace(
        SOURCES["ml-latest-small"], url=f"http://127.0.0.1:{server.server_port}{path}", md5=md5
    )


def test_fetches_checks_and_unpacks(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = fetch(at(server), tmp_path, lambda done, total: seen.append((done, total)))
    assert sorted(path.name for path in folder.iterdir()) == ["movies.csv", "ratings.csv"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in tmp_path.iterdir()] == ["ml-latest-small"]
    fetch(at(server), tmp_path)
    assert len(server.ranges) == 1  # what is there is not fetched again


def test_asks_the_publisher_for_the_checksum(server: Server, tmp_path: Path) -> None:
    assert fetch(at(server, md5=None), tmp_path).is_dir()
    with pytest.raises(UserError, match="holds no checksum"):
        fetch(at(server, "/b.zip", md5=None), tmp_path / "b")


@pytest.mark.parametrize("resumes", [True, False])
def test_goes_on_where_it_stopped(server: Server, tmp_path: Path, resumes: bool) -> None:
    server.cut = 100
    with pytest.raises(UserError, match="stopped after 100 of"):
        fetch(at(server), tmp_path)
    assert not (tmp_path / "ml-latest-small").exists()
    server.cut, server.resumes = None, resumes
    assert fetch(at(server), tmp_path).is_dir()
    assert server.ranges == [None, "bytes=100-"]


def test_a_complete_part_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".ml-latest-small.zip.part").write_bytes(CONTENT)
    assert fetch(at(server), tmp_path).is_dir()


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="damaged or has changed"):
        fetch(at(server, md5="0" * 32), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_one_line(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot download .*Not Found.*--from"):
        fetch(at(server, "/absent.zip"), tmp_path)
    gone = at(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"cannot download .*refused.*--from"):
        fetch(gone, tmp_path)


def test_not_a_zip(server: Server, tmp_path: Path) -> None:
    server.files["/c.zip"] = b"hello"
    with pytest.raises(UserError, match="is not a zip file"):
        fetch(at(server, "/c.zip", hashlib.md5(b"hello").hexdigest()), tmp_path)
    assert not (tmp_path / "ml-latest-small").exists()


def test_sources_without_address() -> None:
    with pytest.raises(UserError, match="netflix has no public address"):
        fetch(SOURCES["netflix"], Path())


def test_prepare_downloads_what_load_then_finds(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIFTREC_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(SOURCES, "ml-latest-small", at(server))
    with pytest.raises(UserError, match="data prepare ml-latest-small` downloads it"):
        load("ml-latest-small")
    out = prepare("ml-latest-small", tmp_path / "out")
    assert load(None, out).dataset.items.titles == ("X (1999)",)
    assert load("ml-latest-small").dataset.items.titles == ("X (1999)",)

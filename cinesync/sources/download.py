"""Fetch a public archive once: resumed where it stopped, checked, then unpacked whole or not."""

import hashlib
import os
import re
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from cinesync.sources.source import Source
from reccore.errors import UserError

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known
CHUNK = 1 << 18
TIMEOUT = 30
PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 206, 416


def fetch(source: Source, root: Path, progress: Progress | None = None) -> Path:
    """The folder `root/<name>` with the unpacked archive of a source."""
    folder = root / source.name
    if folder.is_dir():
        return folder
    if source.url is None:
        raise UserError(
            f"{source.name} has no public address here", "give its files with --from PATH"
        )
    root.mkdir(parents=True, exist_ok=True)
    partial = root / f".{source.name}.zip.part"
    _download(source.url, partial, progress)
    _check(source, partial)
    _unpack(partial, folder)
    partial.unlink()
    return folder


def _download(url: str, partial: Path, progress: Progress | None) -> None:
    """Append to what an earlier attempt left; a server that cannot resume starts again."""
    have = partial.stat().st_size if partial.exists() else 0
    try:
        with _open(url, have) as answer:
            resumed = answer.status == PARTIAL_CONTENT
            have = have if resumed else 0
            length = answer.headers.get("Content-Length")
            total = None if length is None else have + int(length)
            with partial.open("ab" if resumed else "wb") as file:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    have += len(chunk)
                    if progress is not None:
                        progress(have, total)
    except urllib.error.HTTPError as error:
        if error.code == RANGE_NOT_SATISFIABLE:  # nothing is left to fetch
            return
        raise _unreachable(url, error) from None
    except OSError as error:
        raise _unreachable(url, error) from None
    if total is not None and have != total:
        raise UserError(f"{url} stopped after {have:,} of {total:,} bytes", "run it again to go on")


def _open(url: str, start: int = 0):  # type: ignore[no-untyped-def]
    assert url.startswith(("https://", "http://127.0.0.1:")), url
    headers = {"Range": f"bytes={start}-"} if start else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    return urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310


def _unreachable(url: str, error: Exception) -> UserError:
    reason = getattr(error, "reason", error)
    return UserError(
        f"cannot download {url}: {reason}",
        "fetch the archive where there is a network, unpack it, and give its folder with --from",
    )


def _check(source: Source, archive: Path) -> None:
    """Against the pinned checksum, or the one the publisher keeps beside the archive."""
    expected = source.md5 or _published(f"{source.url}.md5")
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != expected:
        archive.unlink()
        raise UserError(
            f"{source.url} has checksum {found}, not {expected}: it is damaged or has changed",
            "run it again; if it stays so, fetch the data by hand and use --from",
        )


def _published(url: str) -> str:
    try:
        with _open(url) as answer:
            text = answer.read(CHUNK).decode(errors="replace")
    except OSError as error:
        raise _unreachable(url, error) from None
    found = re.search(r"\b[0-9a-f]{32}\b", text.lower())
    if found is None:
        raise UserError(f"{url} holds no checksum", "fetch the data by hand and use --from")
    return found.group()


def _unpack(archive: Path, folder: Path) -> None:
    """The archive's one top folder, or all of it, under `folder`."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(temporary)
        inside = [path for path in temporary.iterdir() if path.name != "__MACOSX"]
        top = inside[0] if len(inside) == 1 and inside[0].is_dir() else temporary
        top.replace(folder)
    except zipfile.BadZipFile:
        raise UserError(f"{archive} is not a zip file", "remove it and run again") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)

"""Bundles by name and version, and which of them answers: champion, challenger, previous.

models/<name>/<version>/      a bundle, copied whole and checked, or absent
models/<name>/aliases.json    every alias in one file, so that they change together or not at all
models/<name>/.lock           held while any of it changes; the system frees a dead process's

A reader needs no lock: it reads `aliases.json` once, and no version's folder ever vanishes.
"""

import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reccore.bundle.answer import Request
from reccore.bundle.bundle import Bundle
from reccore.bundle.golden import check_golden
from reccore.bundle.manifest import Manifest, verify, within
from reccore.errors import UserError
from reccore.files import write_atomic

ROOT = Path("models")
ALIASES = "aliases.json"
PATIENCE = 60.0  # seconds to wait for another process
STALE = 24 * 3600.0  # a copy so old was left by a process that was killed
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", re.ASCII)

Alias = Literal["champion", "challenger", "previous"]
Aliases = dict[Alias, str]
ORDER: tuple[Alias, ...] = ("champion", "challenger", "previous")
Prove = Callable[[Path], None]


def prove(folder: Path) -> None:
    """What a bundle must pass before it answers anybody: its hashes, one answer, the golden ones.

    The answer warms it up: graphs are loaded, tables are mapped.
    """
    bundle = Bundle.open(folder)
    first = bundle.items.ids.ids.head(1).to_list()
    if not bundle.answer(Request(history=first, k=1)).items and len(bundle.items) > 1:
        raise UserError(f"{folder} answers nothing")
    check_golden(bundle)


@dataclass(frozen=True)
class Version:
    """One version as a list shows it. Where `problem` is set, the facts are not known."""

    name: str
    version: str
    aliases: tuple[Alias, ...]
    facts: Mapping[str, Any]
    problem: str | None = None


class Registry:
    """The bundles of one product under `root`; those of another are refused by name."""

    def __init__(self, product: str, root: str | Path = ROOT, prove: Prove = prove) -> None:
        self.product, self.root, self.prove = product, Path(root), prove

    def add(
        self,
        bundle: str | Path,
        name: str,
        version: str | None = None,
        *,
        challenger: bool = False,
        force: bool = False,
    ) -> str:
        """Copy a bundle in, check the copy, and give it its version: the next number by default.

        What the manifest does not list is not copied. `force` takes a bundle without blessing.
        """
        source, home = Path(bundle), self._home(name)
        if version is not None:
            check_version(version)
        facts = Manifest.read(source)
        self._own(source, facts)
        if facts.facts.get("blessed") is not True and not force:
            raise UserError(
                f"{source} is not blessed: it did not hold what its model promises",
                "export it so that it does, or --force",
            )
        if version is not None and (home / version).exists():
            raise _taken(name, version)
        home.mkdir(parents=True, exist_ok=True)
        _sweep(home)
        staging = Path(tempfile.mkdtemp(prefix=".adding-", dir=home))
        try:
            _copy(source, staging, facts)
            verify(staging, facts, list(facts.everything))
            staging.chmod(0o755)
            with locked(home / ".lock", str(home)):
                version = version or str(self._last(home) + 1)
                if (home / version).exists():
                    raise _taken(name, version)
                staging.rename(home / version)
                if challenger:
                    self._write(home, {**self.aliases(name), "challenger": version})
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return version

    def list(self, name: str | None = None) -> Sequence[Version]:
        """Every version of this product, a broken one with its problem."""
        names = [name] if name is not None else _names(self.root)
        found: list[Version] = []
        for one in names:
            aliases = self.aliases(one)
            for version in self.versions(one):
                held = tuple(alias for alias in ORDER if aliases.get(alias) == version)
                try:
                    facts = Manifest.read(self.root / one / version).facts
                except UserError as error:
                    found.append(Version(one, version, held, {}, str(error)))
                    continue
                if facts.get("product") == self.product:
                    found.append(Version(one, version, held, facts))
        return found

    def versions(self, name: str) -> Sequence[str]:
        """In order: numbers by size, then words."""
        home = self._home(name)
        if not home.is_dir():
            raise UserError(
                f"no model {name!r} in {self.root}",
                f"known: {', '.join(_names(self.root)) or 'none yet'}",
            )
        found = [p.name for p in home.iterdir() if p.is_dir() and _PLAIN.fullmatch(p.name)]
        return sorted(found, key=lambda v: (0, int(v), "") if _counts(v) else (1, 0, v))

    def aliases(self, name: str) -> Aliases:
        """Who is champion, challenger and previous; an alias that is not set is absent."""
        path = self._home(name) / ALIASES
        try:
            content = dict(json.loads(path.read_text(encoding="utf-8")).items())
            known: Aliases = {alias: content[alias] for alias in ORDER if alias in content}
            for version in known.values():
                check_version(version)
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, UserError) as error:
            raise UserError(
                f"{path} is corrupt: {error}",
                'restore it, or write it anew: {"champion": "VERSION"}',
            ) from None
        return known

    def resolve(self, name: str, which: str = "champion") -> Path:
        """The folder of a version, or of whoever has the alias now."""
        return self.root / name / self.version(name, which)

    def version(self, name: str, which: str = "champion") -> str:
        """The version that an alias (or a version) stands for; a bundle of this product."""
        version = self._find(name, which)
        folder = self.root / name / version
        self._own(folder, Manifest.read(folder))
        return version

    def _find(self, name: str, which: str) -> str:
        known, version = self.versions(name), which
        if which in ORDER:
            found = self.aliases(name).get(which)
            if found is None:
                raise UserError(f"{name} has no {which}", f"versions: {', '.join(known) or 'none'}")
            version = found
        if version not in known:
            raise UserError(f"{name} has no version {version}", f"known: {', '.join(known)}")
        return version

    def challenge(self, name: str, which: str) -> Aliases:
        """Make a version the challenger; one that is champion already stays that."""
        with self._changing(name) as home:
            version, aliases = self.version(name, which), self.aliases(name)
            if aliases.get("champion") != version:
                self._write(home, {**aliases, "challenger": version})
            return self.aliases(name)

    def activate(self, name: str, which: str = "challenger") -> Aliases:
        """Make a version the champion once it has proved itself; the champion becomes previous."""
        with self._changing(name) as home:
            before = self.aliases(name)
            version = self._proved(name, which, before)
            if before.get("champion") == version:
                return before
            after: Aliases = {**before, "champion": version}
            if "champion" in before:
                after["previous"] = before["champion"]
            if before.get("challenger") == version:
                del after["challenger"]
            self._write(home, after)
            return after

    def rollback(self, name: str) -> Aliases:
        """Make the previous champion champion again, proved like any other.

        Afterwards there is no previous: a second, hasty rollback is refused instead of bringing
        back the version that was just withdrawn.
        """
        with self._changing(name) as home:
            before = self.aliases(name)
            version = self._proved(name, "previous", before)
            after: Aliases = {**before, "champion": version}
            del after["previous"]
            if after.get("challenger") == version:
                del after["challenger"]
            self._write(home, after)
            return after

    def verify(self, name: str, which: str | None = None) -> dict[str, str | None]:
        """Hash every listed file: version -> what is wrong, or None. All versions by default."""
        chosen = self.versions(name) if which is None else [self._find(name, which)]
        return {version: self._wrong(self.root / name / version) for version in chosen}

    def holding(self, name: str, bundle: str | Path) -> str | None:
        """The version that is this very bundle, if there is one."""
        wanted = Manifest.read(Path(bundle)).facts
        if not self._home(name).is_dir():
            return None
        for version in reversed(self.versions(name)):
            try:
                if Manifest.read(self.root / name / version).facts == wanted:
                    return version
            except UserError:
                continue
        return None

    def _wrong(self, folder: Path) -> str | None:
        try:
            manifest = Manifest.read(folder)
            self._own(folder, manifest)
            verify(folder, manifest, list(manifest.everything))
        except UserError as error:
            return str(error)
        return None

    def _proved(self, name: str, which: str, aliases: Aliases) -> str:
        """The version, if it answers as it should; else why not, and that nothing changed."""
        stays = aliases.get("champion")
        stays = "there is still no champion" if stays is None else f"the champion stays {stays}"
        try:
            version = self.version(name, which)
            self.prove(self.root / name / version)
        except UserError as error:
            raise UserError(f"{name} {which} is not activated: {error}", stays) from None
        except Exception as error:  # a damaged model may fail anyhow; the champion must not
            why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise UserError(f"{name} {which} is not activated: {why}", stays) from error
        return version

    def _own(self, folder: Path, manifest: Manifest) -> None:
        product = manifest.facts.get("product")
        if product != self.product:
            raise UserError(f"{folder} is a bundle of {product}, not {self.product}")

    def _home(self, name: str) -> Path:
        check_name(name)
        return self.root / name

    @contextmanager
    def _changing(self, name: str) -> Iterator[Path]:
        self.versions(name)  # it exists, or a refusal
        home = self.root / name
        with locked(home / ".lock", str(home)):
            yield home

    def _last(self, home: Path) -> int:
        return max([int(p.name) for p in home.iterdir() if _counts(p.name)], default=0)

    def _write(self, home: Path, aliases: Aliases) -> None:
        ordered = {alias: aliases[alias] for alias in ORDER if alias in aliases}
        write_atomic(home / ALIASES, json.dumps(ordered, indent=1) + "\n")


def check_name(name: str) -> None:
    _check(name, "name", "films")


def check_version(version: str) -> None:
    _check(version, "version", "7 or 2024-05-01")
    if version in (*ORDER, ALIASES):
        raise UserError(f"version {version!r} is a word of the registry", "choose another")


def _check(word: str, what: str, example: str) -> None:
    if not isinstance(word, str) or not _PLAIN.fullmatch(word) or ".." in word or len(word) > 100:
        raise UserError(
            f"{what} {word!r} is not plain", f"letters, digits, . _ - as in {example}; no dot first"
        )


@contextmanager
def locked(path: Path, what: str, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a lock file alone. The system frees it when its process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise UserError(
                        f"{what} is in use by another process", "try again when it is done"
                    ) from None
                time.sleep(0.02)
        yield  # closing the file frees the lock


def _copy(source: Path, target: Path, manifest: Manifest) -> None:
    """The listed files, flushed, then the manifest that was read."""
    for name in manifest.everything:
        original, copy = within(source, name), target / name
        if not original.is_file():
            raise UserError(f"{source} lacks {name}", "export it again")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(original, copy)
        with copy.open("rb") as handle:
            os.fsync(handle.fileno())
    manifest.write(target)


def _sweep(home: Path) -> None:
    """Remove what a process that was killed long ago left half copied."""
    for path in home.glob(".adding-*"):
        try:
            old = time.time() - path.stat().st_mtime > STALE
        except FileNotFoundError:
            continue
        if old:
            shutil.rmtree(path, ignore_errors=True)


def _names(root: Path) -> list[str]:
    if not root.is_dir():
        return []
    return sorted(p.name for p in root.iterdir() if p.is_dir() and _PLAIN.fullmatch(p.name))


def _counts(version: str) -> bool:
    return re.fullmatch("[1-9][0-9]{0,8}", version) is not None


def _taken(name: str, version: str) -> UserError:
    return UserError(f"{name} {version} exists", "choose another --version, or leave it out")


__all__ = ["ROOT", "Registry", "Version", "check_name", "check_version", "locked", "prove"]

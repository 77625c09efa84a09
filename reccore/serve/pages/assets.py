"""Style sheets, scripts and pictures under names that hold their hash: never stale, kept a year.

They are read once and answered from memory; together they are some kilobytes.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from reccore.serve.refusal import Refusal

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One file."""

    body: bytes
    kind: str
    hashed: str  # page.1f3870be27.js


class Assets:
    """The files of some folders; one of a later folder stands in for its namesake."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._files: dict[str, Asset] = {}
        for folder in folders:
            for path in sorted(folder.iterdir()):
                if path.suffix in KINDS:
                    self._files[path.name] = _read(path)

    def url(self, name: str) -> str:
        """Where a page asks for it."""
        return f"/static/{self._files[name].hashed}"

    def response(self, asked: str) -> Response:
        """The file of this hashed name.

        A page of another release may ask a replica of this one: it gets today's file, not to keep.
        """
        stem, _, rest = asked.partition(".")
        asset = self._files.get(f"{stem}.{rest.rpartition('.')[2]}")
        if asset is None:
            raise Refusal(404, "no_file", "there is no such file")
        keep = FOREVER if asked == asset.hashed else "no-store"
        return Response(asset.body, media_type=asset.kind, headers={"Cache-Control": keep})


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:10]
    return Asset(body, KINDS[path.suffix], f"{path.stem}.{digest}{path.suffix}")

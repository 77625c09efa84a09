"""What an answer depends on, as one key: nothing may change an answer and not its key.

Activating a bundle, adding items (a new generation) or putting a user in another arm gives other
keys, so such changes need no invalidation: old entries are never asked for again and die of age.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b

NOBODY = "-"
_ROOT = "giftrec"


@dataclass(frozen=True)
class Key:
    product: str  # "cinesync"
    name: str  # the registry's name of the bundle
    version: str
    generation: int  # of the bundle's manifest: model, index and catalogue at once
    experiment: str  # "" or the arm
    user: str  # external id, or "" when the request is of nobody known
    request: bytes  # canonical bytes of the rest of the request

    def text(self) -> str:
        """The key in every level; it names no user in clear."""
        return self._text

    @cached_property
    def person(self) -> str:
        return hash_user(self.user)

    @cached_property
    def asked(self) -> str:
        return blake2b(self.request, digest_size=16).hexdigest()

    @cached_property
    def _text(self) -> str:
        head = _head(self.product, self.name, self.version, self.generation, self.experiment)
        return f"{head}:{self.person}:{self.asked}"


def hash_user(user: str) -> str:
    """A pseudonym: it hides an id from who reads keys, not from who can guess ids and hash them."""
    if not user:
        return NOBODY
    return blake2b(
        user.encode("utf-8", "surrogatepass"), digest_size=16, person=b"user"
    ).hexdigest()


@lru_cache(maxsize=1024)
def _head(product: str, name: str, version: str, generation: int, experiment: str) -> str:
    parts = [_plain(part) for part in (product, name, version)]
    return ":".join((_ROOT, parts[0], parts[1], f"{parts[2]}.{generation}", _plain(experiment)))


def _plain(part: str) -> str:
    """Without the separator, so that no two keys share a text."""
    return part.replace("%", "%25").replace(":", "%3A")

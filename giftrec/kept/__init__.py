"""Recommendations that were made: for the next ones, for links to share, and for learning.

`open_kept` gives a store in a SQLite file (one machine) or in Postgres (many replicas). A store
that cannot be used says so within two seconds, by a `Refusal`, and never breaks an answer: who
calls it answers without an id and says `degraded`.
"""

from giftrec.kept.kept import Kept, KeptStore, is_id, new_id
from giftrec.kept.opening import open_kept
from giftrec.kept.settings import KeptSettings

__all__ = ["Kept", "KeptSettings", "KeptStore", "is_id", "new_id", "open_kept"]

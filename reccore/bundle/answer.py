"""What is asked of a bundle, and what it answers: items, and what was not as asked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from reccore.data.ids import ExternalId


@dataclass(frozen=True)
class Request:
    """Who: a known `user`, or anybody by a `history` of items or by `preferences`.

    `preferences` are words of features: {"genres": ["Comedy"]}. What: `k` items, of `allow` alone
    where it is given, none of `deny`, and with one of the words of each feature in `only` (genres,
    say, or a content type). `diversity` trades relevance for variety, 0 to 1; None: as the bundle
    was blessed.

    When, for models that read it, in seconds since the epoch: `times` of the history's items,
    which do not fall, and `now`, when the answer is asked for.

    `since` is what a known `user` met after the bundle was made, with `since_times` where they are
    known. `least` is the share of relevance, 0 to 1, that an item must have among the candidates.
    """

    user: ExternalId | None = None
    history: Sequence[ExternalId] | None = None
    preferences: Mapping[str, Sequence[str]] | None = None
    k: int = 10
    allow: Sequence[ExternalId] | None = None
    deny: Sequence[ExternalId] = ()
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    diversity: float | None = None
    times: Sequence[int] | None = None
    now: int | None = None
    since: Sequence[ExternalId] = ()
    since_times: Sequence[int] | None = None
    least: float = 0.0


@dataclass(frozen=True)
class Suggested:
    """One item of an answer; `by` says who chose it: the model, or popularity as a fallback."""

    item: ExternalId
    rank: int
    score: float
    by: str
    title: str | None = None
    relevance: float = 1.0  # 1 for the best candidate, 0 for the last one looked at


@dataclass(frozen=True)
class Answer:
    """Items, best first, and in `degraded` whatever was not as asked, in words."""

    items: tuple[Suggested, ...]
    degraded: tuple[str, ...] = ()
    relevance_kept: float = 1.0  # of the k most relevant items' scores, after diversifying
    model: str = ""
    generation: int = 1
    codes: tuple[str, ...] = ()  # of `degraded`, to count by

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

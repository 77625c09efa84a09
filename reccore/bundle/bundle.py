"""Open a bundle and ask it: a known user, a history, or somebody with preferences."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reccore.bundle.answer import Answer, Request, Suggested
from reccore.bundle.asking import Said, allowed, check, untimed, who
from reccore.bundle.diversity import diversify, relevance
from reccore.bundle.graphs import OnnxGraph
from reccore.bundle.manifest import Manifest, verify, within
from reccore.bundle.quantise import SCALES, grow
from reccore.bundle.scorer import Loaded, Scorer, Vectors
from reccore.bundle.scorers import KINDS
from reccore.bundle.tables import joined
from reccore.data.dataset import Table
from reccore.data.ids import Codes, ExternalId
from reccore.data.interactions import Floats, Histories
from reccore.data.tables import read_table
from reccore.data.temporal import asked_at
from reccore.errors import UserError
from reccore.metrics.topk import Items, top_k
from reccore.recommender import UserBatch
from reccore.retrieve import store
from reccore.retrieve.index import Index
from reccore.retrieve.record import Record

POOL = 10  # candidates of each item that is asked for: relevance and variety are among them
FEWEST = 100


class Bundle:
    """A model with ids, fallback and, where it holds them, its known users."""

    def __init__(self, folder: Path, manifest: Manifest, threads: int = 1) -> None:
        self.folder, self.manifest = folder, manifest
        self.items: Table = read_table(folder, "items")
        for segment in manifest["segments"]:
            self.items = joined(self.items, read_table(folder / segment, "items"))
        people = manifest["users"]
        self.users: Table | None = None if people is None else read_table(folder / people, "users")
        self.scorer = _scorer(folder, manifest, len(self.items), threads)
        popularity: Floats = self._array("popularity.npy")
        new = len(self.items) - len(popularity)
        self.popularity = np.append(popularity, np.zeros(new, np.float32)) if new else popularity

    @classmethod
    def open(cls, folder: str | Path, threads: int = 1) -> "Bundle":
        """Check every file against the manifest, then load."""
        folder = Path(folder)
        manifest = Manifest.read(folder)
        verify(folder, manifest)
        return cls(folder, manifest, threads)

    def _array(self, name: str) -> npt.NDArray[Any]:
        return read_array(self.folder, self.manifest, name)

    @cached_property
    def seen(self) -> Histories:
        """What each known user has met."""
        if self.users is None:
            return Histories.empty(0)
        part = f"{self.manifest['users']}/seen"
        timed = f"{part}.times.npy" in self.manifest.files
        times = self._array(f"{part}.times.npy") if timed else None
        return Histories(
            self._array(f"{part}.offsets.npy"), self._array(f"{part}.items.npy"), times
        )

    @cached_property
    def record(self) -> Record | None:
        """Of the approximate index, where there is one."""
        index = self.manifest["index"]
        return None if index is None or index["record"] is None else Record.of_json(index["record"])

    @cached_property
    def index(self) -> Index | None:
        return None if self.record is None else store.load(self.folder / "index", self.record)

    @cached_property
    def offered(self) -> npt.NDArray[np.bool_] | None:
        """Items that were not removed; None where all are offered: [I]."""
        removed = self.manifest["removed"]
        if not removed:
            return None
        offered = np.ones(len(self.items), dtype=np.bool_)
        offered[removed] = False
        return offered

    def best(
        self, batch: UserBatch, k: int, allowed: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Items, Floats]:
        """The model's best unseen items [B, k]: through the index where the bundle has one."""
        allowed = self._still_offered(allowed)
        if self.index is None:
            return top_k(self.scorer.score(batch), batch.histories, k, allowed)
        assert isinstance(self.scorer, Vectors)
        fetched, mine = max(k, self.scorer.candidates), self.scorer.vectors_of(batch)
        found = self.index.search(mine, fetched, allowed=allowed, exclude=batch.histories)
        items, scores = self.scorer.rerank(batch, mine, *found)
        return items[:, :k], scores[:, :k]

    def recommend(self, user: ExternalId | None = None, **request: Any) -> Answer:
        """`Request`'s fields by name: `bundle.recommend("42")`, `.recommend(history=[..], k=5)`."""
        return self.answer(Request(user=user, **request))

    def answer(self, request: Request) -> Answer:
        """The best unseen items, and what was not as asked."""
        check(request)
        said: list[Said] = []
        batch, by_model = who(self, request, said)
        if by_model:
            said += untimed(self, batch)
        else:
            said.append(Said("popularity", "popularity answers"))
        share = self.manifest["served"]["diversity"]
        share = float(share if request.diversity is None else request.diversity)
        wanted = min(request.k, len(self.items))
        pool = min(len(self.items), max(FEWEST, POOL * wanted))
        found = (self.best if by_model else self.popular)(batch, pool, allowed(self, request))
        codes, best = (part[0] for part in found)
        codes, best = codes[codes >= 0], best[codes >= 0]
        worth = relevance(best) if len(best) else best
        enough = int(np.count_nonzero(worth >= request.least))
        chosen, kept = np.arange(min(wanted, enough)), 1.0
        if share > 0 and enough:
            chosen, kept = diversify(best[:enough], self.kinds_of(codes[:enough]), wanted, share)
        if len(chosen) < request.k:
            left = "are as relevant as asked" if enough < len(codes) else "are left"
            words = f"{request.k} items were asked for, {len(chosen)} {left}"
            said.append(Said("fewer_items", words))
        return Answer(
            self._suggest(codes[chosen], best[chosen], worth[chosen], by_model),
            tuple(one.words for one in said),
            kept,
            str(self.manifest["model"]),
            self.manifest.generation,
            tuple(one.code for one in said),
        )

    def popular(
        self, batch: UserBatch, k: int, allowed: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Items, Floats]:
        """The fallback: what most people have met."""
        scores = np.repeat(self.popularity[None], len(batch), axis=0)
        return top_k(scores, batch.histories, k, self._still_offered(allowed))

    def _still_offered(self, allowed: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_] | None:
        """Of the allowed items those that were not removed; None where nothing is masked."""
        if self.offered is None or allowed is None:
            return self.offered if allowed is None else allowed
        return allowed & self.offered

    def _suggest(
        self, codes: Codes, scores: Floats, worth: Floats, by_model: bool
    ) -> tuple[Suggested, ...]:
        ids, titles = self.items.ids.externals, self.items.titles
        by = "model" if by_model else "popularity"
        rows = zip(codes.tolist(), scores.tolist(), worth.tolist(), strict=True)
        return tuple(
            Suggested(ids[code], rank, score, by, None if titles is None else titles[code], share)
            for rank, (code, score, share) in enumerate(rows, start=1)
        )

    def known(self, users: Sequence[ExternalId], now: int | None = None) -> UserBatch:
        """Known users with what they have met."""
        if self.users is None:
            raise UserError(
                "this bundle holds no users", "ask by history, or export it with its users"
            )
        codes = np.array([self.users.ids.code(one, "user") for one in users], dtype=np.int32)
        return UserBatch(codes, self.seen.take(codes), asked_at(now, len(codes)))

    def knows(self, user: ExternalId) -> bool:
        return self.users is not None and int(self.users.ids.few([user])[0]) >= 0

    def codes(self, items: Sequence[ExternalId]) -> Codes:
        """Item codes, -1 where unknown; ids may come as text, as from a command line."""
        return self.items.ids.few(items)

    def kinds_of(self, codes: Codes) -> Floats:
        """What makes items alike, [N, d]: features where there are any, else their vectors."""
        features = [bags.multi_hot(codes) for bags in self.items.features.values()]
        if features:
            return np.concatenate(features, axis=1)
        vectors = self.scorer.parts.items.get("vectors")
        if vectors is None:
            return np.zeros((len(codes), 1), np.float32)
        rows: Floats = np.asarray(vectors[codes], np.float32)
        return rows


def _scorer(folder: Path, manifest: Manifest, size: int, threads: int) -> Scorer:
    how = manifest["scorer"]
    if how["kind"] not in KINDS:
        raise UserError(
            f"{folder} holds a model of kind {how['kind']!r}, which this version does not know",
            f"it needs giftrec {manifest['minimum_version']} or later",
        )
    people = manifest["users"]
    items = _arrays(folder, manifest, "items")
    if manifest["segments"]:  # copied only then; otherwise mapped from their files
        more = [_arrays(folder, manifest, segment) for segment in manifest["segments"]]
        items = {n: np.concatenate([a, *(part[n] for part in more)]) for n, a in items.items()}
    parts = Loaded(
        items,
        {} if people is None else _arrays(folder, manifest, people),
        _arrays(folder, manifest, "other"),
        {
            name: OnnxGraph(
                within(folder, f"graphs/{name}.onnx"), graph["inputs"], graph["output"], threads
            )
            for name, graph in how["graphs"].items()
        },
        how["options"],
    )
    return KINDS[how["kind"]](parts, size, how["from_history"])


def _arrays(folder: Path, manifest: Manifest, part: str) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a part, whatever they were stored as; those of `seen` are not the scorer's."""
    prefix, suffix = f"{part}/", ".npy"
    names = [
        name.removeprefix(prefix).removesuffix(suffix)
        for name in manifest.files
        if name.startswith(prefix) and name.endswith(suffix)
    ]
    return {
        name: grow(
            {
                scale: read_array(folder, manifest, f"{prefix}{name}{scale}{suffix}")
                for scale in ("", *SCALES)
                if name + scale in names
            }
        )
        for name in names
        if not name.startswith("seen.") and not name.endswith(SCALES)
    }


def read_array(folder: Path, manifest: Manifest, name: str) -> npt.NDArray[Any]:
    """A listed array, mapped from the file: what is not asked for is not read."""
    if name not in manifest.files:
        raise UserError(f"{folder} lacks {name}", "export it again")
    try:
        array = np.load(within(folder, name), mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise UserError(f"{folder / name} is not an array: {error}") from None
    plain: npt.NDArray[Any] = np.asarray(array)  # still mapped, without memmap's slow indexing
    return plain

"""Open a bundle and ask it: a known user, a history, or somebody with preferences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from reccore.bundle.answer import Answer, Request, Suggested
from reccore.bundle.diversity import diversify
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
from reccore.data.temporal import asked_at, given_times
from reccore.errors import UserError
from reccore.metrics.topk import Items, top_k
from reccore.recommender import UserBatch
from reccore.retrieve import store
from reccore.retrieve.index import Index
from reccore.retrieve.record import Record

POOL = 10  # candidates of each item that is asked for, when diversifying
FEWEST = 100
LIKED = 5  # popular items of a preferred word that stand for a history


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
        fetched, mine = max(k, self.scorer.candidates), self.scorer.user_vectors(batch)
        found = self.index.search(mine, fetched, allowed=allowed, exclude=batch.histories)
        items, scores = self.scorer.rerank(batch, mine, *found)
        return items[:, :k], scores[:, :k]

    def recommend(self, user: ExternalId | None = None, **request: Any) -> Answer:
        """`Request`'s fields by name: `bundle.recommend("42")`, `.recommend(history=[..], k=5)`."""
        return self.answer(Request(user=user, **request))

    def answer(self, request: Request) -> Answer:
        """The best unseen items, and what was not as asked."""
        if request.k < 1:
            raise UserError(f"k is {request.k}", "ask for at least 1 item")
        asked = [request.user, request.history, request.preferences]
        if sum(given is not None for given in asked) != 1:
            raise UserError("give exactly one of user, history, preferences")
        if request.times is not None and request.history is None:
            raise UserError("times are of a history, and none is given", "give history, too")
        said: list[str] = []
        batch, by_model = self._who(request, said)
        allowed = self._allowed(request)
        if by_model:
            said += self._untimed(batch)
        else:
            said.append("popularity answers")
        share = self._diversity(request)
        wanted = min(request.k, len(self.items))
        pool = wanted if share == 0 else min(len(self.items), max(FEWEST, POOL * wanted))
        found = (self.best if by_model else self.popular)(batch, pool, allowed)
        codes, best = (part[0] for part in found)
        codes, best = codes[codes >= 0], best[codes >= 0]
        chosen, kept = np.arange(min(wanted, len(codes))), 1.0
        if share > 0 and len(codes):
            chosen, kept = diversify(best, self.kinds[codes], wanted, share)
        if len(chosen) < request.k:
            said.append(f"{request.k} items were asked for, {len(chosen)} are left")
        source = "model" if by_model else "popularity"
        return Answer(
            self._suggest(codes[chosen], best[chosen], source),
            tuple(said),
            kept,
            str(self.manifest["model"]),
            self.manifest.generation,
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
        self, codes: npt.NDArray[np.int32], scores: Floats, by: str
    ) -> tuple[Suggested, ...]:
        titles = self.items.titles
        return tuple(
            Suggested(item, rank, float(score), by, None if titles is None else titles[code])
            for rank, (item, code, score) in enumerate(
                zip(self.items.ids.decode(codes).to_list(), codes, scores, strict=True), start=1
            )
        )

    def _who(self, request: Request, said: list[str]) -> tuple[UserBatch, bool]:
        """The user as the model sees one, and whether it can say anything of this one."""
        if request.user is not None:
            return self.known([request.user], request.now), True
        history, times = request.history, None
        if history is None:
            assert request.preferences is not None
            codes = self._liked(request.preferences)
            said.append(f"{len(codes)} popular items of the preferred words stand for a history")
        else:
            codes = self.codes(history)
            if request.times is not None:
                times = given_times(request.times, len(history))[codes >= 0]
            unknown = [str(i) for i, code in zip(history, codes, strict=True) if code < 0]
            if unknown:
                said.append(f"unknown items are left out: {', '.join(unknown[:5])}")
            codes = codes[codes >= 0]
        met = replace(Histories.of_lists([codes]), times=times)
        batch = UserBatch(np.array([-1], dtype=np.int32), met, asked_at(request.now, 1))
        if not len(codes):
            said.append("the history is empty")
        elif not self.scorer.from_history:
            said.append(f"{self.manifest['model']} knows only its own users")
        seen = batch if request.preferences is None else _without_history(batch)
        able = bool(len(codes)) and self.scorer.from_history
        return (batch if able else seen), able

    def _untimed(self, batch: UserBatch) -> Iterator[str]:
        """What the model reads of time and was not told."""
        model, reads = self.manifest["model"], self.scorer.temporal
        if reads != "off" and batch.histories.times is None:
            yield f"{model} reads times, and the history has none"
        if reads == "now" and batch.now is None:
            yield f"{model} reads now, and none is given"

    def known(self, users: Sequence[ExternalId], now: int | None = None) -> UserBatch:
        """Known users with what they have met."""
        if self.users is None:
            raise UserError(
                "this bundle holds no users", "ask by history, or export it with its users"
            )
        codes = np.array([self.users.ids.code(one, "user") for one in users], dtype=np.int32)
        return UserBatch(codes, self.seen.take(codes), asked_at(now, len(codes)))

    def knows(self, user: ExternalId) -> bool:
        return self.users is not None and int(self.users.ids.encode([user])[0]) >= 0

    def codes(self, items: Sequence[ExternalId]) -> Codes:
        """Item codes, -1 where unknown; ids may come as text, as from a command line."""
        return self.items.ids.encode(pl.Series([str(item) for item in items], dtype=pl.String))

    def _liked(self, preferences: Mapping[str, Sequence[str]]) -> npt.NDArray[np.int32]:
        """The most popular items of each preferred word: a history for who has none."""
        found: list[int] = []
        for feature, words in preferences.items():
            for word in words:
                having = self._having(feature, [word])
                order = np.argsort(-np.where(having, self.popularity, -np.inf), kind="stable")
                found += [int(code) for code in order[:LIKED] if having[code]]
        return np.array(list(dict.fromkeys(found)), dtype=np.int32)

    def _having(self, feature: str, words: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which items have one of the words: [I]."""
        if feature not in self.items.features:
            known = ", ".join(self.items.features) or "none"
            raise UserError(f"items have no feature {feature!r}", f"known: {known}")
        bags = self.items.features[feature]
        codes = {word: code for code, word in enumerate(bags.vocabulary)}
        for word in words:
            if word not in codes:
                known = ", ".join(bags.vocabulary[:20])
                raise UserError(f"unknown {feature} {word!r}", f"known: {known}")
        hit = np.isin(bags.words, [codes[word] for word in words])
        rows = np.repeat(np.arange(len(self.items)), np.diff(bags.offsets))
        having = np.zeros(len(self.items), dtype=np.bool_)
        having[rows[hit]] = True
        return having

    def _allowed(self, request: Request) -> npt.NDArray[np.bool_] | None:
        if request.allow is None and not request.deny and not request.only:
            return None
        allowed = np.ones(len(self.items), dtype=np.bool_)
        if request.allow is not None:
            codes = self.codes(request.allow)
            allowed[:] = False
            allowed[codes[codes >= 0]] = True
        denied = self.codes(request.deny)
        allowed[denied[denied >= 0]] = False
        for feature, words in request.only.items():
            allowed &= self._having(feature, words)
        return allowed

    def _diversity(self, request: Request) -> float:
        share = self.manifest["served"]["diversity"] if request.diversity is None else None
        share = request.diversity if share is None else share
        assert share is not None
        if not 0 <= share <= 1:
            raise UserError(f"diversity is {share}", "choose between 0 and 1")
        return float(share)

    @cached_property
    def kinds(self) -> Floats:
        """What makes two items alike, [I, d]: features where there are any, else their vectors."""
        features = [bags.multi_hot() for bags in self.items.features.values()]
        if features:
            return np.concatenate(features, axis=1)
        vectors = self.scorer.parts.items.get("vectors")
        return np.zeros((len(self.items), 1), np.float32) if vectors is None else vectors  # type: ignore[return-value]


def _without_history(batch: UserBatch) -> UserBatch:
    return replace(batch, histories=Histories.empty(len(batch)))


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

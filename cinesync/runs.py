"""A finished run: load it, evaluate it, ask it for recommendations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from cinesync import sources
from cinesync.settings import DataSettings, RunSettings, resolve_tree
from reccore.data.dataset import Dataset, Table
from reccore.data.ids import Codes, ExternalId, IdMap
from reccore.data.interactions import Floats, Histories, Interactions
from reccore.data.split import Holdout, Split, SplitSettings, split
from reccore.data.temporal import asked_at, given_times
from reccore.errors import UserError
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, Evaluation, evaluate
from reccore.metrics.topk import Items, recommend, users_per_block
from reccore.recommender import Recommender, UserBatch
from reccore.run import RunFolder

Part = Literal["validation", "test"]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set, split: what training and evaluation of a run start from."""

    dataset: Dataset
    split: Split

    def training(self, with_validation: bool) -> Dataset:
        """What a model may see."""
        return self.dataset.with_interactions(self.split.fit_rows(with_validation))

    def part(self, name: Part) -> Holdout:
        held = self.split.test if name == "test" else self.split.validation
        if held is None:
            raise UserError("this run holds no validation rows", "--set split.validation=0.1")
        return held


def prepare(data: DataSettings, how: SplitSettings, seed: int = 0) -> Prepared:
    """Load and split, leak-checked."""
    loaded = sources.load(
        data.name,
        Path(data.path) if data.path else None,
        columns=data.map or None,
        items=Path(data.items) if data.items else None,
        options=data.options or None,
    )
    return Prepared(loaded.dataset, split(loaded.dataset.interactions, how, loaded.given))


def prepare_again(path: Path, data: DataSettings, how: SplitSettings, expected: str) -> Prepared:
    """The data that `path` was made from, checked to be the same."""
    prepared = prepare(data, how)
    found = prepared.dataset.interactions.fingerprint
    if found != expected:
        raise UserError(
            f"the data has changed since {path} was trained (fingerprint {found}, then {expected})",
            "train again, or give back the same data",
        )
    return prepared


class Run:
    """A trained model with its ids, features and, when asked for, the data it came from."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.manifest = folder.manifest
        self.settings: RunSettings = resolve_tree(folder.config, folder.path)
        users, items = folder.read_tables()
        none = np.empty(0, dtype=np.int32)
        nothing = Interactions(users.ids, items.ids, none, none)
        self.dataset = Dataset(self.settings.data.name, nothing, users, items)

    @property
    def path(self) -> Path:
        return self.folder.path

    @cached_property
    def model(self) -> Recommender:
        model = self.settings.entry.build(self.settings.model, self.dataset)
        try:
            model.restore(self.folder.read_arrays())
        except KeyError as error:
            raise UserError(
                f"{self.folder.weights_path} lacks {error}, it is of another model"
            ) from None
        return model

    @cached_property
    def prepared(self) -> Prepared:
        """The data the run was trained on, loaded again and checked to be the same."""
        settings = self.settings
        return prepare_again(
            self.path, settings.data, settings.split, self.manifest["data_fingerprint"]
        )

    def evaluate(
        self,
        part: Part = "test",
        settings: EvaluateSettings | None = None,
        progress: Progress | None = None,
    ) -> Evaluation:
        """Full-ranking metrics with intervals on a held-out part the model has not learned from."""
        if part == "validation" and self.manifest["fitted_on"] == "train+validation":
            raise UserError(
                f"{self.path} has learned from its validation rows",
                "train with --set fit.hold_validation=true to evaluate on them",
            )
        training = self.prepared.training(self.manifest["fitted_on"] == "train+validation")
        return evaluate(
            self.model,
            self.prepared.part(part),
            Catalogue.of(training),
            settings or self.settings.evaluate,
            progress,
        )

    @cached_property
    def histories(self) -> Histories:
        """What a model may look at of each known user, test rows excluded: one row a user code."""
        learned, test = self.prepared.split.fit_rows(True).histories, self.prepared.split.test
        row = np.arange(len(learned))
        row[test.users] = len(learned) + np.arange(len(test))  # held-out users have a fold-in
        return learned.append(test.histories).take(row)

    def recommend(
        self,
        user: ExternalId | None = None,
        *,
        users: Sequence[ExternalId] | None = None,
        history: Sequence[ExternalId] | None = None,
        k: int = 10,
        times: Sequence[int] | None = None,
        now: int | None = None,
    ) -> pl.DataFrame:
        """The best unseen items: columns user, item, rank, score (and title where known).

        Ask for a known `user`, several `users`, or anyone by the `history` of item ids. Models
        that read it are told when: `times` of the history's items and `now`, in seconds since the
        epoch.
        """
        if k < 1:
            raise UserError(f"k is {k}", "ask for at least 1 item")
        if sum(given is not None for given in (user, users, history)) != 1:
            raise UserError("give exactly one of user, users, history")
        if times is not None and history is None:
            raise UserError("times are of a history, and none is given", "give history, too")
        if history is not None:
            stranger = self._stranger(history, times, now)
            return self._answer(stranger, pl.Series(["history"]), k)
        wanted = [user] if user is not None else list(users or [])
        ids = self.dataset.users.ids
        codes = np.array([ids.code(one, "user") for one in wanted], dtype=np.int32)
        return self.recommend_codes(codes, k, now=now)

    def recommend_codes(
        self, codes: Codes, k: int, progress: Progress | None = None, now: int | None = None
    ) -> pl.DataFrame:
        """The same for user codes, scored block by block so that memory stays bounded."""
        batch = UserBatch(codes, self.histories.take(codes), asked_at(now, len(codes)))
        return self._answer(batch, self.dataset.users.ids.decode(codes), k, progress)

    def _stranger(
        self, history: Sequence[ExternalId], times: Sequence[int] | None, now: int | None
    ) -> UserBatch:
        if not self.model.from_history:
            raise UserError(
                f"{self.settings.entry.name} scores only users it was trained on",
                "use a model that reads histories: ease, item-knn, ials, two-tower",
            )
        codes = [self.dataset.items.ids.code(item, "item") for item in history]
        unknown = np.array([-1], dtype=np.int32)
        met = Histories.of_lists([np.array(codes, dtype=np.int32)])
        if times is not None:
            met = replace(met, times=given_times(times, len(codes)))
        return UserBatch(unknown, met, asked_at(now, 1))

    def _answer(
        self, batch: UserBatch, users: pl.Series, k: int, progress: Progress | None = None
    ) -> pl.DataFrame:
        how = self.settings.evaluate
        block = users_per_block(len(self.dataset.items), how.block_bytes, how.block_users)
        found = recommend(self.model, batch, k, block, progress=progress)
        return as_rows(users, self.dataset.items, *found)


def as_rows(users: pl.Series, items: Table, best: Items, scores: Floats) -> pl.DataFrame:
    """Best items [B, k] of users [B] as columns user, item, rank, score (and title)."""
    rank = np.broadcast_to(np.arange(1, best.shape[1] + 1, dtype=np.int32), best.shape)
    real = best >= 0
    rows = np.repeat(np.arange(len(best)), best.shape[1]).reshape(best.shape)[real]
    columns: dict[str, Any] = {
        "user": users.gather(rows),
        "item": items.ids.decode(best[real]),
        "rank": rank[real],
        "score": scores[real],
    }
    if items.titles is not None:
        columns["title"] = pl.Series(items.titles).gather(best[real])
    return pl.DataFrame(columns)


def known_users(ids: IdMap, file: Path) -> Codes:
    """User codes of a file: its `user` column (CSV or Parquet), or one id a line."""
    if not file.exists():
        raise UserError(f"no such file: {file}")
    if file.suffix == ".parquet":
        frame = pl.read_parquet(file)
    elif file.suffix == ".csv":
        frame = pl.read_csv(file)
    else:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        frame = pl.DataFrame({"user": [line for line in lines if line]})
    if "user" not in frame.columns:
        raise UserError(f"{file} has no column user", "found: " + ", ".join(frame.columns))
    codes = ids.encode(frame["user"])
    if (codes < 0).any():
        unknown = frame["user"][int(np.flatnonzero(codes < 0)[0])]
        raise UserError(f"unknown user {unknown!r} in {file}", f"{(codes < 0).sum()} are unknown")
    return codes


def load_run(path: str | Path) -> Run:
    """Open a run folder written by `cinesync train`."""
    return Run(RunFolder.open(Path(path)))

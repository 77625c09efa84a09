"""Answer many people at once, in shards: bounded memory, and a kill loses one shard at most."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from reccore.bundle.bundle import Bundle
from reccore.bundle.served import Served
from reccore.data.interactions import UNKNOWN, Histories, Times
from reccore.data.temporal import asked_at, given_times
from reccore.errors import UserError
from reccore.files import sha256, write_atomic
from reccore.metrics.topk import recommend, users_per_block
from reccore.recommender import UserBatch

JOB = "job.json"
BLOCK_BYTES = 64 << 20  # of scores held at once
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Scored:
    """What a job has done: people answered, and those that this call found done already."""

    folder: Path
    users: int
    shards: int
    found: int
    strangers: int  # neither known nor with a history: answered by popularity


def score_all(
    bundle: Bundle,
    people: Path,
    out: Path,
    *,
    k: int = 10,
    now: int | None = None,
    shard: int = 10_000,
    progress: Progress | None = None,
) -> Scored:
    """Write `out/part-00000.parquet`, ...: columns user, item, rank, score, by.

    `people` is a Parquet, CSV or plain file with a column `user` and, where it is given, a column
    `history` (a list of item ids), and beside it `times` (a list of their times, or null). `now`
    is when all of them ask. The same call goes on where a killed one stopped, to the same bytes;
    another bundle, file, k or now is refused in the same folder.
    """
    if k < 1 or shard < 1:
        raise UserError(f"k is {k}, shard is {shard}", "both are at least 1")
    if not people.exists():
        raise UserError(f"no such file: {people}")
    asked_at(now, 1)  # refused before anything is written
    _same_job(out, bundle, people, k, shard, now)
    total = int(_lazy(people).select(pl.len()).collect().item())
    found = strangers = shards = 0
    for number, start in enumerate(range(0, total, shard)):
        path, shards = out / f"part-{number:05d}.parquet", shards + 1
        if path.exists():
            found += 1
        else:
            frame = _lazy(people).slice(start, shard).collect()
            answers, nobody = _answer(bundle, frame, min(k, len(bundle.items)), now)
            strangers += nobody
            write_atomic(path, lambda at, rows=answers: rows.write_parquet(at))  # type: ignore[misc]
        if progress is not None:
            progress(min(start + shard, total), total)
    return Scored(out, total, shards, found, strangers)


def _same_job(out: Path, bundle: Bundle, people: Path, k: int, shard: int, now: int | None) -> None:
    job = {
        "bundle": hashlib.sha256((bundle.folder / "manifest.json").read_bytes()).hexdigest(),
        "people": sha256(people),
        "k": k,
        "shard": shard,
        "now": now,
    }
    path = out / JOB
    if not path.exists():
        if out.exists() and any(out.iterdir()):
            raise UserError(f"{out} exists and is not a job's folder", "choose another --out")
        return write_atomic(path, json.dumps(job, indent=1))
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    other = [name for name, value in job.items() if known.get(name) != value]
    if other:
        raise UserError(
            f"{out} holds another job: {', '.join(other)} differ", "choose another --out"
        )


def _lazy(people: Path) -> pl.LazyFrame:
    """The file row by row: only the shard that is worked on is in memory."""
    if people.suffix == ".parquet":
        frame = pl.scan_parquet(people)
    elif people.suffix == ".csv":
        frame = pl.scan_csv(people)
    else:
        frame = pl.scan_csv(people, has_header=False, new_columns=["user"])
    if "user" not in frame.collect_schema().names():
        found = ", ".join(frame.collect_schema().names())
        raise UserError(f"{people} has no column user", f"found: {found}")
    return frame


def _answer(
    bundle: Bundle, frame: pl.DataFrame, k: int, now: int | None
) -> tuple[pl.DataFrame, int]:
    codes = np.full(frame.height, -1, dtype=np.int32)
    histories = Histories.empty(frame.height)
    if "history" in frame.columns:
        times = frame["times"] if "times" in frame.columns else None
        histories = _histories(bundle, frame["history"], times)
    elif bundle.users is not None:
        codes = bundle.users.ids.encode(frame["user"].cast(pl.String))
        rows = np.append(codes, 0)[:-1]
        histories = bundle.seen.append(Histories.empty(1)).take(np.where(rows < 0, -1, rows))
    batch = UserBatch(codes, histories, asked_at(now, frame.height))
    block = users_per_block(len(bundle.items), BLOCK_BYTES, 1024)
    reads = bundle.scorer.from_history
    known = histories.lengths > 0 if reads else codes >= 0
    items, scores = recommend(Served(bundle, depth=k), batch, k, block)
    if not known.all():
        items[~known], scores[~known] = bundle.popular(batch.take(np.flatnonzero(~known)), k)
    real = items >= 0
    who = np.repeat(np.arange(frame.height), items.shape[1]).reshape(items.shape)[real]
    rank = np.broadcast_to(np.arange(1, items.shape[1] + 1, dtype=np.int32), items.shape)[real]
    by = np.where(known[who], "model", "popularity")
    columns = {
        "user": frame["user"].gather(who),
        "item": bundle.items.ids.decode(items[real]),
        "rank": rank,
        "score": scores[real],
        "by": pl.Series(by.tolist(), dtype=pl.String),
    }
    return pl.DataFrame(columns), int((~known).sum())


def _histories(bundle: Bundle, column: pl.Series, times: pl.Series | None) -> Histories:
    """Lists of item ids as codes, without those that are unknown; all lists at once."""
    lists = column.cast(pl.List(pl.String))
    lengths = lists.list.len().fill_null(0).to_numpy()
    flat = lists.drop_nulls().explode(empty_as_null=False)
    codes = bundle.items.ids.encode(flat)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    when = None if times is None else _times(times, lengths)
    return Histories(offsets, codes, when).where(codes >= 0, codes)


def _times(column: pl.Series, lengths: npt.NDArray[np.int64]) -> Times:
    """Lists of times, one an item: [nnz]; `UNKNOWN` where there is no list."""
    lists = [
        np.full(length, UNKNOWN) if row is None else given_times(row, length)
        for row, length in zip(column.to_list(), lengths.tolist(), strict=True)
    ]
    return np.concatenate([np.empty(0, np.int64), *lists])

"""The best k unseen items of every user: exact, reproducible, and in bounded memory.

Which k items win is fixed by the scores alone: equal scores go to the lower item code, so that
block sizes and partial sorts never change a published figure.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from reccore.data.interactions import Floats, Histories
from reccore.errors import UserError
from reccore.recommender import Recommender, UserBatch

Items = npt.NDArray[np.int32]  # [B, k] item codes, best first; -1 where there are no more
Progress = Callable[[int, int], None]  # (done, total)

CHUNK_BYTES = 8 << 20  # rows handled together: small enough to stay in the processor's cache


def top_k(
    scores: Floats, histories: Histories, k: int, allowed: npt.NDArray[np.bool_] | None = None
) -> tuple[Items, Floats]:
    """Items and scores [B, k], best first. `histories` [B] are never returned.

    `allowed` [I] limits the catalogue. An item scored -inf is never returned either; where
    fewer than k are left, the row ends in item -1, score -inf. `scores` [B, I] is not changed.
    """
    rows, catalogue = scores.shape
    assert len(histories) == rows, f"{len(histories)} histories for {rows} rows of scores"
    assert k > 0, f"k={k}"
    items = np.full((rows, k), -1, dtype=np.int32)
    best = np.full((rows, k), -np.inf, dtype=np.float32)
    chunk = max(1, min(rows, CHUNK_BYTES // (4 * max(1, catalogue))))
    candidates = np.empty((chunk, catalogue), dtype=np.float32)
    scratch = np.empty_like(candidates)
    for start in range(0, rows, chunk):
        stop = min(start + chunk, rows)
        part = candidates[: stop - start]
        np.copyto(part, scores[start:stop])
        if allowed is not None:
            part[:, ~allowed] = -np.inf
        seen = histories.take(np.arange(start, stop))
        part[seen.row_of, seen.items] = -np.inf
        _fill(part, scratch[: stop - start], items[start:stop], best[start:stop])
    items[best == -np.inf] = -1
    order = np.argsort(-best, axis=1, kind="stable")
    return np.take_along_axis(items, order, 1), np.take_along_axis(best, order, 1)


def _fill(part: Floats, scratch: Floats, items: Items, best: Floats) -> None:
    """The winners of each row of `part` [b, I], by code ascending, into `items`, `best` [b, k]."""
    rows, catalogue = part.shape
    k = min(items.shape[1], catalogue)
    if k == 0:
        return
    np.copyto(scratch, part)
    scratch.partition(catalogue - k, axis=1)  # NaN sorts last, that is, among the winners
    broken = np.isnan(scratch[:, catalogue - k :]).any(axis=1)
    if broken.any():
        raise UserError(
            f"the model scores NaN for {broken.sum()} of {rows} users",
            "its training diverged or its weights are damaged: train it again",
        )
    bound = scratch[:, catalogue - k].copy()  # [b] the k-th best score
    flat = np.flatnonzero(part >= bound[:, None])  # at least k a row
    row_of, found = np.divmod(flat, catalogue)
    counts = np.bincount(row_of, minlength=rows)
    clear = counts == k
    chosen = clear[row_of]
    items[clear, :k] = found[chosen].reshape(-1, k)
    best[clear, :k] = part[row_of[chosen], found[chosen]].reshape(-1, k)
    for row in np.flatnonzero(~clear):  # more than k: scores tie at the bound
        above = np.flatnonzero(part[row] > bound[row])
        equal = np.flatnonzero(part[row] == bound[row])[: k - len(above)]
        items[row, :k] = np.sort(np.concatenate([above, equal]))
        best[row, :k] = part[row, items[row, :k]]


def recommend(
    model: Recommender,
    users: UserBatch,
    k: int,
    block_users: int,
    allowed: npt.NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> tuple[Items, Floats]:
    """The best k unseen items of any number of users, `block_users` scored at a time."""
    blocks = [np.empty((0, k), np.int32)]
    scores = [np.empty((0, k), np.float32)]
    for rows in blocks_of(len(users), block_users):
        batch = users.take(rows)
        items, best = top_k(model.score(batch), batch.histories, k, allowed)
        blocks.append(items)
        scores.append(best)
        if progress is not None:
            progress(int(rows[-1]) + 1, len(users))
    return np.concatenate(blocks), np.concatenate(scores)


def blocks_of(total: int, size: int) -> list[npt.NDArray[np.int64]]:
    """Row numbers 0..total-1 in consecutive blocks."""
    return [np.arange(start, min(start + size, total)) for start in range(0, total, size)]


def users_per_block(catalogue: int, block_bytes: int, most: int) -> int:
    """How many users' float32 scores fit in `block_bytes`, at least one and at most `most`."""
    return max(1, min(most, block_bytes // (4 * max(1, catalogue))))


def pair_keys(histories: Histories, catalogue: int) -> npt.NDArray[np.int64]:
    """Sorted distinct `row * I + item`: membership of a pair is one binary search."""
    keys = np.sort(histories.row_of * catalogue + histories.items)
    first = np.ones(len(keys), dtype=np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    return keys[first]  # np.unique hashes int64 first: 90 times slower, measured


def contains(keys: npt.NDArray[np.int64], items: Items, catalogue: int) -> npt.NDArray[np.bool_]:
    """Which of the listed items [B, k] are among `pair_keys` of the same rows."""
    if len(keys) == 0:
        return np.zeros(items.shape, dtype=np.bool_)
    wanted = np.arange(len(items))[:, None] * catalogue + items
    found: npt.NDArray[np.bool_] = (
        keys[np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)] == wanted
    ) & (items >= 0)
    return found

"""The inner loops of the simulator, compiled: choosing slates, and valuing subsets of tools."""

import numpy as np
import numpy.typing as npt
from numba import njit, prange

Table = npt.NDArray[np.float32]


@njit(cache=True, fastmath=True, nogil=True)
def greedy(pleased, categories, diversity, slate, best, chosen):  # type: ignore[no-untyped-def]
    """Fill `chosen` [K] with the gifts of `pleased` [C, T] that raise the mean best most.

    The gain of a gift is monotone and submodular, so greedy is within 1 - 1/e of the optimum, and
    in practice next to it (Nemhauser, Wolsey & Fisher 1978).
    """
    gifts, draws = pleased.shape
    best[:] = 0.0
    for place in range(slate):
        top, top_gain = -1, np.float32(-1.0)
        for gift in range(gifts):
            taken, fresh = False, True
            for before in range(place):
                if chosen[before] == gift:
                    taken = True
                if chosen[before] >= 0 and categories[chosen[before]] == categories[gift]:
                    fresh = False
            if taken:
                continue
            gain = np.float32(0.0)
            row = pleased[gift]
            for t in range(draws):
                gain += max(row[t] - best[t], np.float32(0.0))
            gain = gain / draws * np.float32(1 - diversity)
            if fresh:
                gain += np.float32(diversity / slate)
            if gain > top_gain:
                top, top_gain = gift, gain
        chosen[place] = top
        if top < 0:
            continue
        row = pleased[top]
        for t in range(draws):
            best[t] = max(best[t], row[t])


def choose_slates(
    pleased: npt.NDArray[np.float64],
    categories: npt.NDArray[np.int64],
    diversity: float,
    slate: int,
) -> npt.NDArray[np.int64]:
    """Places of the chosen gifts among those of `pleased` [C, T]."""
    chosen = np.full(slate, -1, dtype=np.int64)
    table = pleased.astype(np.float32)
    best = np.empty(table.shape[1], dtype=np.float32)
    greedy(table, categories, diversity, slate, best, chosen)
    return chosen


@njit(cache=True, fastmath=True, nogil=True)
def picture(  # type: ignore[no-untyped-def]  # noqa: PLR0912
    subset, base, care, vogue, budget, left, today, think, taste, row
):
    """Fill `row` [W] with the satisfactions of one gift in a chooser's particles.

    A fact in `subset` takes today's value, any other the particle's; `today` [5], `think` [5, W].
    """
    worlds = len(row)
    price, quality, lead, trend, fees = today
    zero, one = np.float32(0.0), np.float32(1.0)
    if subset & 2:
        for w in range(worlds):
            row[w] = base + care * quality + taste[w]
    else:
        for w in range(worlds):
            row[w] = base + care * think[1, w] + taste[w]
    if subset & 8:
        for w in range(worlds):
            row[w] = min(max(row[w] + vogue * trend, zero), one)
    else:
        for w in range(worlds):
            row[w] = min(max(row[w] + vogue * think[3, w], zero), one)
    if subset & 4:
        if lead > left:
            row[:] = zero
            return
    else:
        for w in range(worlds):
            row[w] = row[w] if think[2, w] <= left else zero
    if subset & 1 and subset & 16:
        if price + fees > budget:
            row[:] = zero
    elif subset & 1:
        for w in range(worlds):
            row[w] = row[w] if price + think[4, w] <= budget else zero
    elif subset & 16:
        for w in range(worlds):
            row[w] = row[w] if think[0, w] + fees <= budget else zero
    else:
        for w in range(worlds):
            row[w] = row[w] if think[0, w] + think[4, w] <= budget else zero


@njit(cache=True, fastmath=True, nogil=True)
def tool_values(  # type: ignore[no-untyped-def]
    pleasure, care, vogue, budget, left, days, think, decide, judge, categories, diversity, slate
):
    """[32] expected worth of the choice with each subset of the five facts known.

    `pleasure` [C]; `days` [D, C, 5] and `think` [C, 5, W]: the facts of the judging days and of
    the chooser's particles; `decide`, `judge` [C, W]: tastes to choose by, and to be judged by.
    """
    gifts, worlds = decide.shape
    values = np.zeros(32)
    pleased = np.empty((gifts, worlds), dtype=np.float32)
    best = np.empty(worlds, dtype=np.float32)
    chosen = np.empty(slate, dtype=np.int64)
    zero, one = np.float32(0.0), np.float32(1.0)
    for subset in range(32):
        for day in range(len(days)):
            for g in range(gifts):
                picture(
                    subset, pleasure[g], care, vogue, budget, left,
                    days[day, g], think[g], decide[g], pleased[g],
                )  # fmt: skip
            greedy(pleased, categories, diversity, slate, best, chosen)
            best[:] = zero
            distinct = 0
            for place in range(slate):
                g = chosen[place]
                if g < 0:
                    continue
                fresh = 1
                for before in range(place):
                    if categories[chosen[before]] == categories[g]:
                        fresh = 0
                distinct += fresh
                price, quality, lead, trend, fees = days[day, g]
                if price + fees > budget or lead > left:
                    continue
                known = pleasure[g] + care * quality + vogue * trend
                for w in range(worlds):
                    best[w] = max(best[w], min(max(known + judge[g, w], zero), one))
            values[subset] += (1 - diversity) * best.mean() + diversity * distinct / slate
    return values / len(days)


@njit(cache=True, fastmath=True, parallel=True)
def all_tool_values(  # type: ignore[no-untyped-def]
    listed, pleasure, care, vogue, budget, left, days, think, decide, judge, categories,
    diversity, slate
):  # fmt: skip
    """[N, 32] of recipients who think about the gifts `listed` [N, C] of all G."""
    values = np.empty((len(listed), 32))
    for n in prange(len(listed)):
        some = listed[n]
        values[n] = tool_values(
            pleasure[n][some], care[n], vogue[n], budget[n], left[n],
            days[:, some], think[some], decide[some], judge[some], categories[some],
            diversity, slate,
        )  # fmt: skip
    return values

"""Judge answers by the simulator: what was right, and what the slates were really worth.

Every figure is a mean (or a ratio of means) over scenarios, with a bootstrap interval over them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from giftrec.answers import Answers, Floats
from giftrec.catalog.world import World
from giftrec.columns import incidence
from giftrec.oracle import Oracle, Recipients
from giftrec.schema import Scenario
from giftrec.vocabulary import TOOLS
from reccore.data.seeds import derive
from reccore.metrics.intervals import Metric, interval, resampled_sums

TASTES = 32  # fresh draws a slate is judged by
RANDOM_SLATES = 8  # a scenario; one alone is mostly luck
BINS = 10
POWERS = 1 << np.arange(len(TOOLS))


@dataclass(frozen=True)
class Verdict:
    """Per-scenario figures of one recommender: sums [N] whose ratios are the metrics."""

    figures: Mapping[str, Floats]
    calibration: Floats  # [N, BINS, 3]: count, predicted and received, by predicted reward

    def metrics(self, resamples: int = 1000, seed: int = 0) -> dict[str, Metric]:
        """Each metric with its 95% interval."""
        names = list(self.figures)
        count = len(self.calibration)
        columns = np.column_stack(
            [np.ones(count), *self.figures.values(), self.calibration.reshape(count, -1)]
        )
        whole = _metrics(names, columns.sum(axis=0, keepdims=True))
        drawn = _metrics(names, resampled_sums(columns, resamples, seed)) if resamples else {}
        return {
            name: Metric(float(value[0]), *(interval(drawn[name]) if drawn else (None, None)))
            for name, value in whole.items()
        }

    def value(self, metric: str) -> float:
        return self.metrics(resamples=0)[metric].value


def _metrics(names: Sequence[str], sums: Floats) -> dict[str, Floats]:
    """From resampled sums [R, columns] to metrics [R]."""
    count = sums[:, 0]
    of = {name: sums[:, 1 + i] for i, name in enumerate(names)}
    bins = sums[:, 1 + len(names) :].reshape(len(sums), BINS, 3)
    plain = ("category_match", "category_f1", "tool_match", "tool_f1", "diversity")
    found = {name: of[name] / count for name in plain}
    gain = np.maximum(of["tool_gain"], 1e-12)
    found["tool_regret"] = of["tool_lost"] / gain
    spread = np.maximum(of["best"] - of["random"], 1e-12)
    found["reward_share"] = (of["worth"] - of["random"]) / spread
    found["worth"] = of["worth"] / count
    pairs = np.maximum(bins[:, :, 0].sum(axis=1), 1)
    found["reward_ece"] = np.abs(bins[:, :, 1] - bins[:, :, 2]).sum(axis=1) / pairs
    found["reward_rmse"] = np.sqrt(of["squared"] / pairs)
    found["budget_violations"] = of["violations"] / np.maximum(of["shown"], 1)
    found["over_budget_today"] = of["over_today"] / np.maximum(of["shown"], 1)
    found["quality"] = (found["category_match"] + found["reward_share"]) / 2
    return found


class Judge:
    """Scenarios with the truth about them, computed once; then any number of answers."""

    def __init__(
        self, world: World, scenarios: Sequence[Scenario], tool_values: Floats | None = None
    ) -> None:
        """`tool_values` [N, 32] net of cost, where they are known already."""
        self.world, self.scenarios = world, tuple(scenarios)
        self._tool_values = tool_values
        self.oracle = Oracle(world)
        words = world.vocabulary
        self.categories = incidence(
            [s.expected_categories for s in scenarios], words.levels("category")
        )
        self.tools = incidence([s.expected_tools for s in scenarios], TOOLS)

    @cached_property
    def who(self) -> Recipients:
        return self.oracle.recipients([s.profile for s in self.scenarios])

    @cached_property
    def facts(self) -> Any:
        return self.oracle.facts([s.day for s in self.scenarios])

    @cached_property
    def satisfaction(self) -> Floats:
        """[N, T, G] on freshly drawn tastes."""
        seeds = [derive(s.day, "fresh") for s in self.scenarios]
        return self.oracle.satisfaction(self.who, self.facts, self.oracle.tastes(seeds, TASTES))

    @cached_property
    def best(self) -> Floats:
        """[N] worth of the best slate, all facts known."""
        slates = self.oracle.best(self.who, self.facts)
        worth: Floats = self.oracle.worth(slates, self.satisfaction).mean(axis=1)
        return worth

    @cached_property
    def random(self) -> Floats:
        """[N] mean worth of several random slates."""
        parts = []
        for draw in range(RANDOM_SLATES):
            seeds = [derive(s.day, "random slate", draw) for s in self.scenarios]
            slates = self.oracle.random(self.who, seeds)
            parts.append(self.oracle.worth(slates, self.satisfaction).mean(axis=1))
        worth: Floats = np.mean(parts, axis=0)
        return worth

    @cached_property
    def tool_values(self) -> Floats:
        """[N, 32] net of cost."""
        known = self._tool_values
        return self.oracle.net_tool_values(self.who) if known is None else known

    def verdict(self, answers: Answers, *, tools: bool = True) -> Verdict:
        """`tools=False` leaves the value of tools out, which takes the simulator a while."""
        rows = np.arange(len(self.scenarios))
        figures = {
            "category_match": self._any_in_top(answers.categories, self.categories, 3),
            "category_f1": self._category_f1(answers.categories),
            "tool_match": self._any_in_top(answers.tool_scores, self.tools, 2),
            "tool_f1": set_f1(answers.tools.astype(float), self.tools),
            "worth": self.oracle.worth(answers.slates, self.satisfaction).mean(axis=1),
            "best": self.best,
            "random": self.random,
            "diversity": self.oracle.diversity(answers.slates),
            **self._budget(answers),
        }
        lost = gain = np.zeros(len(rows))
        if tools:
            values = self.tool_values
            chosen = values[rows, answers.tools @ POWERS]
            gain, lost = values.max(axis=1) - values[:, 0], values.max(axis=1) - chosen
        received = self.satisfaction.mean(axis=1)  # [N, G]
        squared = (self.satisfaction - answers.rewards[:, None]) ** 2
        figures["squared"] = (squared.mean(axis=1) * answers.allowed).sum(axis=1)
        figures |= {"tool_gain": gain, "tool_lost": lost}
        return Verdict(figures, _calibration(answers.rewards, received, answers.allowed))

    def _any_in_top(self, scores: Floats, expected: npt.NDArray[Any], k: int) -> Floats:
        top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        hit: Floats = np.take_along_axis(expected, top, axis=1).any(axis=1).astype(float)
        return np.where(expected.any(axis=1), hit, 1.0)

    def _category_f1(self, scores: Floats) -> Floats:
        """As many categories as are expected: precision, recall and F1 are then the same."""
        order = np.argsort(-scores, axis=1, kind="stable")
        many = self.categories.sum(axis=1)
        taken = np.arange(scores.shape[1])[None] < many[:, None]
        hits = (np.take_along_axis(self.categories, order, axis=1) * taken).sum(axis=1)
        return np.where(many > 0, hits / np.maximum(many, 1), 1.0)

    def _budget(self, answers: Answers) -> dict[str, Floats]:
        """Gifts shown that were over budget by what the answer knew, and by today's full cost."""
        shown = answers.slates >= 0
        gifts = np.where(shown, answers.slates, 0)
        rows = np.arange(len(gifts))[:, None]
        asked_price, asked_fees = answers.tools[:, [0]], answers.tools[:, [4]]
        price = np.where(
            asked_price, self.facts.price[rows, gifts], self.world.listing.price[gifts]
        )
        fees = np.where(asked_fees, self.facts.fees[rows, gifts], 0.0)
        budget = self.who.budget[:, None]
        today = self.facts.price[rows, gifts] + self.facts.fees[rows, gifts]
        return {
            "shown": shown.sum(axis=1).astype(float),
            "violations": ((price + fees > budget) & shown).sum(axis=1).astype(float),
            "over_today": ((today > budget) & shown).sum(axis=1).astype(float),
        }


def set_f1(chosen: npt.NDArray[Any], expected: npt.NDArray[Any]) -> Floats:
    """F1 of two sets, row by row; two empty sets agree."""
    both = (chosen * expected).sum(axis=1)
    size = chosen.sum(axis=1) + expected.sum(axis=1)
    f1: Floats = np.where(size > 0, 2 * both / np.maximum(size, 1), 1.0)
    return f1


def _calibration(predicted: Floats, received: Floats, counted: npt.NDArray[np.bool_]) -> Floats:
    """[N, BINS, 3] count, predicted, received of the pairs that count, by predicted reward."""
    which = np.minimum((predicted * BINS).astype(int), BINS - 1)
    table = np.zeros((len(predicted), BINS, 3))
    for b in range(BINS):
        mine = counted & (which == b)
        table[:, b] = np.stack(
            [mine.sum(1), (predicted * mine).sum(1), (received * mine).sum(1)], axis=1
        )
    return table

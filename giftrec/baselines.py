"""What the model must beat: five ways to answer without it, from the same training scenarios.

random        gifts listed within the budget, a random set of tools
popularity    what was right and what pleased most often
nearest       what was right for the most similar training scenarios
formula       the visible matches with equal weights
boosting      gradient boosting on the same rows (scikit-learn's histogram trees)

All but random ask the set of tools that fits the training scenarios best (boosting predicts its
own), look at the facts as the model does, and never show what is known to be over budget.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from giftrec.answers import Answering, Answers, Floats
from giftrec.catalog.world import World
from giftrec.columns import Columns, incidence
from giftrec.model.inputs import Catalogue, Facts, Recipients, Words, asked
from giftrec.model.pairs import pair_features
from giftrec.schema import Scenario
from giftrec.slate import SLATE
from giftrec.vocabulary import TOOLS, Vocabulary
from reccore.data.seeds import rng
from reccore.errors import need

Bools = npt.NDArray[np.bool_]
NEIGHBOURS = 10
BLOCK = 512


class Baseline:
    """Common ground: training scenarios as tables, and answers from scores."""

    def __init__(self, world: World, training: Sequence[Scenario]) -> None:
        self.world, self.training = world, tuple(training)
        words = world.vocabulary
        self.categories = incidence(
            [s.expected_categories for s in training], words.levels("category")
        )
        self.tools = incidence([s.expected_tools for s in training], TOOLS)
        self.gifts = Catalogue.of(world, 16)
        self.words = Words.of(words)

    def answer(self, scenarios: Sequence[Scenario]) -> Answers:
        parts = [
            self._block(scenarios[start : start + BLOCK])
            for start in range(0, len(scenarios), BLOCK)
        ]
        names = Answers.__annotations__
        return Answers(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})

    def _block(self, scenarios: Sequence[Scenario]) -> Answers:
        tool_scores = self.tool_scores(scenarios)
        tools = self.ask(tool_scores)
        facts = asked(self.world, [s.day for s in scenarios], torch.from_numpy(tools))
        may = self.allowed(scenarios, facts)
        rewards = np.clip(self.rewards(scenarios, facts), 0, 1)
        shown = self.possible(scenarios, facts)
        return Answers(
            categories=self.category_scores(scenarios),
            tool_scores=tool_scores,
            tools=tools,
            slates=top(np.where(may, rewards, -1.0) + 1e-9 * self.tie(scenarios), may),
            rewards=rewards * shown,
            allowed=may,
        )

    # ---- what a baseline says; the defaults are popularity's

    def category_scores(self, scenarios: Sequence[Scenario]) -> Floats:
        """[N, C]"""
        return np.repeat(self.categories.mean(axis=0)[None].astype(float), len(scenarios), axis=0)

    def tool_scores(self, scenarios: Sequence[Scenario]) -> Floats:
        """[N, 5]"""
        return np.repeat(self.tools.mean(axis=0)[None].astype(float), len(scenarios), axis=0)

    def ask(self, scores: Floats) -> Bools:
        """[N, 5] the constant set of best F1 on the training scenarios."""
        return np.repeat(self.constant[None], len(scores), axis=0)

    def rewards(self, scenarios: Sequence[Scenario], facts: Facts) -> Floats:
        """[N, G]"""
        return np.repeat(self.received[None], len(scenarios), axis=0)

    def tie(self, scenarios: Sequence[Scenario]) -> Floats:
        """[N, G] what decides between equals."""
        return np.zeros((len(scenarios), len(self.world)))

    # ---- shared

    @cached_property
    def constant(self) -> Bools:
        """[5] the set of tools that fits the training scenarios best, if it were always asked."""
        from giftrec.judge import set_f1

        subsets = np.array(list(product([0.0, 1.0], repeat=len(TOOLS))))
        scores = [
            set_f1(np.repeat(s[None], len(self.tools), axis=0), self.tools).mean() for s in subsets
        ]
        best: Bools = subsets[int(np.argmax(scores))] > 0
        return best

    @cached_property
    def table(self) -> Floats:
        """[N, G] what was received in training; NaN where not known."""
        table = np.full((len(self.training), len(self.world)), np.nan)
        for row, scenario in enumerate(self.training):
            for outcome in scenario.outcomes:
                table[row, self.world.index[outcome.gift]] = outcome.satisfaction
        return table

    @cached_property
    def overall(self) -> float:
        """Mean reception of all; 0 where none is known."""
        return float(np.nanmean(self.table)) if not np.isnan(self.table).all() else 0.0

    @cached_property
    def received(self) -> Floats:
        """[G] mean reception, shrunk towards the mean of all where few are known."""
        known = ~np.isnan(self.table)
        overall = self.overall
        mean: Floats = (np.nansum(self.table, axis=0) + 3 * overall) / (known.sum(axis=0) + 3)
        return mean

    def columns(self, scenarios: Sequence[Scenario]) -> Columns:
        return Columns.of([s.profile for s in scenarios], self.world.vocabulary)

    def features(self, scenarios: Sequence[Scenario]) -> Floats:
        """[N, F] recipients as plain numbers."""
        return profile_features(self.columns(scenarios), self.world.vocabulary)

    def pairs(self, scenarios: Sequence[Scenario]) -> Floats:
        """[N, G, 9] visible matches."""
        who = Recipients.of(self.columns(scenarios))
        return pair_features(who, self.gifts, self.words).numpy().astype(np.float64)

    def allowed(self, scenarios: Sequence[Scenario], facts: Facts) -> Bools:
        """[N, G] within the budget by all that is known, and not known to be out or late."""
        known = facts.known.numpy() > 0
        price = np.where(known[:, [0]], facts.price.numpy(), self.world.listing.price)
        fees = np.where(known[:, [4]], facts.fees.numpy(), 0.0)
        budget = np.array([s.profile.budget.minor for s in scenarios], dtype=np.float64)[:, None]
        return (price + fees <= budget) & self.possible(scenarios, facts)

    def possible(self, scenarios: Sequence[Scenario], facts: Facts) -> Bools:
        """[N, G] not known to be out of stock or late."""
        left = np.array([s.profile.days_left for s in scenarios])[:, None]
        checked = facts.known.numpy()[:, [2]] > 0
        possible: Bools = ~checked | (facts.lead_days.numpy() <= left)
        return possible


class Random(Baseline):
    def category_scores(self, scenarios: Sequence[Scenario]) -> Floats:
        return self._draw(scenarios, "categories", self.categories.shape[1])

    def tool_scores(self, scenarios: Sequence[Scenario]) -> Floats:
        return self._draw(scenarios, "tools", len(TOOLS))

    def ask(self, scores: Floats) -> Bools:
        return scores > 0.5

    def rewards(self, scenarios: Sequence[Scenario], facts: Facts) -> Floats:
        return np.full((len(scenarios), len(self.world)), self.overall)

    def tie(self, scenarios: Sequence[Scenario]) -> Floats:
        return self._draw(scenarios, "gifts", len(self.world))

    def _draw(self, scenarios: Sequence[Scenario], purpose: str, width: int) -> Floats:
        return np.stack([rng(s.day, "baseline", purpose).random(width) for s in scenarios])


class Nearest(Baseline):
    def category_scores(self, scenarios: Sequence[Scenario]) -> Floats:
        return self._weights(scenarios) @ self.categories

    def tool_scores(self, scenarios: Sequence[Scenario]) -> Floats:
        return self._weights(scenarios) @ self.tools

    def ask(self, scores: Floats) -> Bools:
        return scores > 0.5

    def rewards(self, scenarios: Sequence[Scenario], facts: Facts) -> Floats:
        weights = self._weights(scenarios)
        known = ~np.isnan(self.table)
        total = weights @ np.nan_to_num(self.table)
        mean: Floats = np.asarray((total + 0.2 * self.received) / (weights @ known + 0.2))
        return mean

    def _weights(self, scenarios: Sequence[Scenario]) -> Floats:
        """[N, T] even over the nearest training scenarios, by plain distance of features."""
        mine, theirs = (self.features(some) for some in (scenarios, self.training))
        spread = theirs.std(axis=0) + 1e-6
        distance = np.linalg.norm((mine[:, None] - theirs[None]) / spread, axis=2)
        weights: Floats = np.zeros(distance.shape)
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
        np.put_along_axis(weights, nearest, 1 / nearest.shape[1], axis=1)
        return weights


class Formula(Baseline):
    """Every visible match and every fact with the same weight."""

    SIGNS = np.array([1, 1, 1, 1, 1, 1, -1, -1, 1.0])

    def category_scores(self, scenarios: Sequence[Scenario]) -> Floats:
        blank = Facts(
            torch.zeros(len(TOOLS), len(scenarios), len(self.world)),
            torch.zeros(len(scenarios), len(TOOLS)),
        )
        scores = np.where(self.allowed(scenarios, blank), self.rewards(scenarios, blank), -1.0)
        best = np.full((len(scenarios), self.categories.shape[1]), -2.0)
        for code in np.unique(self.world.categories):
            best[:, code] = scores[:, self.world.categories == code].max(axis=1)
        return best

    def rewards(self, scenarios: Sequence[Scenario], facts: Facts) -> Floats:
        seen = self.pairs(scenarios) @ self.SIGNS
        told = facts.told.numpy()
        good = (told[1] + told[3]) / 3
        scores: Floats = (seen + good + 2) / 9
        return scores


class Boosting(Baseline):
    """Trees for the reward, for each tool and for the categories."""

    def category_scores(self, scenarios: Sequence[Scenario]) -> Floats:
        columns = self.features(scenarios)
        return np.column_stack([model(columns) for model in self._categories])

    def tool_scores(self, scenarios: Sequence[Scenario]) -> Floats:
        columns = self.features(scenarios)
        return np.column_stack([model(columns) for model in self._tools])

    def ask(self, scores: Floats) -> Bools:
        return scores > 0.5

    def rewards(self, scenarios: Sequence[Scenario], facts: Facts) -> Floats:
        rows = self._rows(scenarios, facts)
        if self._reward is None:
            return np.zeros(rows.shape[:2])
        flat: Floats = self._reward.predict(rows.reshape(-1, rows.shape[2]))
        square: Floats = flat.reshape(rows.shape[:2])
        return square

    @cached_property
    def _reward(self) -> Any:
        facts = asked(
            self.world, [s.day for s in self.training], torch.ones(len(self.training), len(TOOLS))
        )
        known = ~np.isnan(self.table)
        if not known.any():
            return None
        ensemble = need("sklearn.ensemble", "train")
        model = ensemble.HistGradientBoostingRegressor(
            max_iter=200, learning_rate=0.05, max_leaf_nodes=15, random_state=0
        )
        return model.fit(self._rows(self.training, facts)[known], self.table[known])

    @cached_property
    def _tools(self) -> list[Callable[[Floats], Floats]]:
        return [self._classifier(self.tools[:, t]) for t in range(len(TOOLS))]

    @cached_property
    def _categories(self) -> list[Callable[[Floats], Floats]]:
        return [self._classifier(target) for target in self.categories.T]

    def _classifier(self, target: npt.NDArray[Any]) -> Callable[[Floats], Floats]:
        if target.min() == target.max():
            constant = float(target[0])
            return lambda rows: np.full(len(rows), constant)
        ensemble = need("sklearn.ensemble", "train")
        model = ensemble.HistGradientBoostingClassifier(
            max_iter=100, learning_rate=0.1, max_leaf_nodes=15, random_state=0
        ).fit(self.features(self.training), target)
        return lambda rows: np.asarray(model.predict_proba(rows)[:, 1])

    def _rows(self, scenarios: Sequence[Scenario], facts: Facts) -> Floats:
        """[N, G, F] recipient, gift, matches and facts; unknown facts are missing values."""
        count, gifts = len(scenarios), len(self.world)
        profile = self.features(scenarios)
        told = np.where(
            facts.known.numpy().T[:, :, None] > 0, facts.told.numpy(), np.nan
        )  # [5, N, G]
        seen = self.world.listing
        gift = np.column_stack(
            [np.log(seen.price), seen.rating, seen.demand, seen.lead_days, self.world.categories]
        )
        budget = np.array([s.profile.budget.minor for s in scenarios], dtype=np.float64)
        return np.concatenate(
            [
                np.broadcast_to(profile[:, None], (count, gifts, profile.shape[1])),
                np.broadcast_to(gift[None], (count, gifts, gift.shape[1])),
                self.pairs(scenarios),
                told[[1, 3]].transpose(1, 2, 0),
                (budget[:, None] / seen.price[None])[..., None],
            ],
            axis=2,
        )


BASELINES: dict[str, type[Baseline]] = {
    "random": Random,
    "popularity": Baseline,
    "nearest": Nearest,
    "formula": Formula,
    "boosting": Boosting,
}


def baselines(world: World, training: Sequence[Scenario]) -> dict[str, Answering]:
    return {name: kind(world, training) for name, kind in BASELINES.items()}


def profile_features(columns: Columns, words: Vocabulary) -> Floats:
    """[N, F] a recipient as plain numbers."""

    def one_hot(codes: npt.NDArray[np.int64], width: int) -> Floats:
        table = np.zeros((len(codes), width))
        table[np.arange(len(codes)), codes] = 1.0
        return table

    return np.column_stack(
        [
            columns.age / 20,
            np.log(columns.budget),
            np.log1p(columns.days_left),
            columns.hobbies,
            columns.preferences,
            one_hot(columns.relationship, len(words.relationships)),
            one_hot(columns.occasion, len(words.occasions)),
        ]
    ).astype(np.float64)


def top(scores: Floats, may: Bools) -> npt.NDArray[np.int64]:
    """[N, 5] the best gifts that may be shown, -1 where there are no more."""
    order = np.argsort(-np.where(may, scores, -np.inf), axis=1, kind="stable")[:, :SLATE]
    found = np.where(np.take_along_axis(may, order, axis=1), order, -1)
    missing = SLATE - found.shape[1]
    return np.pad(found, ((0, 0), (0, missing)), constant_values=-1) if missing > 0 else found

"""The recipient simulator: the known truth that a model is measured against, never shown to it.

A gift brings a recipient a satisfaction in [0, 1]. It grows with what can be seen (hobbies,
preferences, occasion, relationship, age, price, category), with today's facts (how good the batch
is, how much in fashion) and with *hidden tastes*, drawn for each scenario; it is 0 where the gift
is over budget, out of stock or late. A slate is worth its best gift, and a little for diversity.

*Best* chooses the slate of highest expected satisfaction given the visible profile and all of
today's facts; *clairvoyant* also knows the tastes; *random* draws gifts listed within the budget.
The value of a subset of tools is what a rational chooser expects from it before asking, net of
cost: an expectation over the facts of many days, given the dated listing, and over tastes.

`giftrec.model` and `giftrec.agent` never import this module (a test holds it).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from giftrec.catalog.today import Facts, Numbers, facts_on
from giftrec.catalog.world import Floats, World
from giftrec.columns import incidence
from giftrec.oracle_kernel import all_tool_values, choose_slates
from giftrec.schema import Profile
from giftrec.vocabulary import TOOLS
from reccore.data.seeds import derive, rng

SLATE = 5
DIVERSITY = 0.05  # of a slate's worth
SUBSETS = tuple(
    tuple(t for bit, t in enumerate(TOOLS) if subset >> bit & 1)
    for subset in range(2 ** len(TOOLS))
)

GIFT_TASTE, CATEGORY_TASTE = 0.37, 0.12  # standard deviations of the hidden tastes
DAYS, WORLDS = 256, 64  # days over which tools are valued; particles a chooser thinks in
SHORTLIST = 24  # gifts that a chooser thinks about
MARGIN = 0.7  # expected categories are worth this share of the best one

# How a gift pleases, before tastes: weights of what can be seen.
BASE = -0.40
HOBBY, HOBBY_KIN = 0.16, 0.12  # a hobby of theirs; one of the same kind
PREFERENCE, BOTH = 0.08, 0.08
OCCASION = 0.03
VALUE = 0.36  # of the dearest against the cheapest gift
SENSE = 0.05  # what the occasion and the relationship make of a category

# What an occasion asks for, and what suits a relationship: categories liked, categories not.
OCCASION_SENSE = {
    "birthday": (("games", "technology", "music"), ("kitchen",)),
    "christmas": (("gourmet", "books", "games"), ("experiences",)),
    "anniversary": (("experiences", "fashion", "gourmet"), ("sports_fitness", "games")),
    "valentines_day": (("fashion", "beauty_wellness", "experiences"), ("kitchen", "outdoor")),
    "mothers_day": (("beauty_wellness", "home_decor", "gourmet"), ("games", "technology")),
    "fathers_day": (("outdoor", "technology", "sports_fitness"), ("beauty_wellness",)),
    "wedding": (("kitchen", "home_decor", "experiences"), ("games", "sports_fitness")),
    "graduation": (("technology", "books", "experiences"), ("home_decor",)),
    "housewarming": (("home_decor", "kitchen", "outdoor"), ("fashion", "sports_fitness")),
    "retirement": (("experiences", "outdoor", "art_craft"), ("technology",)),
}
RELATIONSHIP_SENSE = {
    "partner": (("fashion", "experiences"), ("books",)),
    "mother": (("beauty_wellness", "home_decor"), ("games",)),
    "father": (("outdoor", "technology"), ("beauty_wellness",)),
    "child": (("games", "technology"), ("gourmet",)),
    "sibling": (("games", "music"), ("home_decor",)),
    "grandparent": (("books", "gourmet"), ("technology", "sports_fitness")),
    "friend": (("games", "experiences"), ("kitchen",)),
    "neighbour": (("gourmet", "outdoor"), ("fashion", "beauty_wellness")),
    "teacher": (("books", "art_craft"), ("fashion", "beauty_wellness")),
    "colleague": (("gourmet", "books"), ("fashion", "beauty_wellness")),
    "boss": (("gourmet", "books"), ("games", "beauty_wellness")),
}


def quality_matters(profile: Profile, kinds: set[str]) -> float:
    """By how much satisfaction moves with one standard score of quality."""
    weight = 0.01 + 0.22 * ("luxury" in kinds) + 0.165 * ("practical" in kinds)
    weight += 0.13 * (profile.relationship in ("boss", "teacher", "grandparent"))
    return weight + 0.09 * (profile.age >= 50)


def trend_matters(profile: Profile, kinds: set[str]) -> float:
    """By how much satisfaction moves with one standard score of fashion."""
    weight = 0.03 + 0.23 * ("trendy" in kinds) + 0.165 * (profile.age <= 24)
    return weight + 0.115 * (profile.relationship in ("child", "sibling") and profile.age < 50)


@dataclass(frozen=True)
class Recipients:
    """Profiles as columns [N], with what each gift would please them before facts and tastes."""

    pleasure: Floats  # [N, G]
    quality: Floats  # [N]
    trend: Floats  # [N]
    budget: Floats  # [N] minor units
    days_left: Floats  # [N]

    def __len__(self) -> int:
        return len(self.budget)


class Oracle:
    """The truth about one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    @cached_property
    def _days(self) -> Facts:
        """Facts of the days over which tools are valued: [DAYS, G]."""
        return facts_on(self.world, [derive(self.world.seed, "judge", d) for d in range(DAYS)])

    @cached_property
    def _particles(self) -> Facts:
        """Facts of the days in which a chooser thinks: [WORLDS, G]."""
        return facts_on(self.world, [derive(self.world.seed, "think", d) for d in range(WORLDS)])

    def recipients(self, profiles: Sequence[Profile]) -> Recipients:
        words = self.world.vocabulary
        kinds = [{words.preferences[p] for p in profile.preferences} for profile in profiles]
        return Recipients(
            pleasure=self._pleasure(profiles),
            quality=np.array([quality_matters(p, k) for p, k in zip(profiles, kinds, strict=True)]),
            trend=np.array([trend_matters(p, k) for p, k in zip(profiles, kinds, strict=True)]),
            budget=np.array([p.budget.minor for p in profiles], dtype=np.float64),
            days_left=np.array([p.days_left for p in profiles], dtype=np.float64),
        )

    def _pleasure(self, profiles: Sequence[Profile]) -> Floats:
        """[N, G]"""
        gifts, words = self.world.gifts, self.world.vocabulary
        hobby = incidence([p.hobbies for p in profiles], words.levels("hobby"))
        has = incidence([g.hobbies for g in gifts], words.levels("hobby"))
        kind_of = incidence([(c,) for c in words.hobbies.values()], words.levels("hobby_category"))
        direct = (hobby @ has.T > 0).astype(np.float64)  # [N, G]
        kin = ((hobby @ kind_of > 0) @ (has @ kind_of > 0).T.astype(float) > 0) & (direct == 0)
        prefers = incidence([p.preferences for p in profiles], words.levels("preference"))
        offers = incidence([g.preferences for g in gifts], words.levels("preference"))
        liked = prefers @ offers.T / np.maximum(1, prefers.sum(1, keepdims=True))
        liked = np.minimum(1.0, 1.5 * liked)
        occasions = words.levels("occasion")
        fitting = (
            incidence([(p.occasion,) for p in profiles], occasions)
            @ incidence([g.occasions for g in gifts], occasions).T
        )
        price = np.array([g.price for g in gifts], dtype=np.float64)
        value = np.clip(np.log(price / 1000) / np.log(30), 0, 1)[None]
        sense = self._sense(profiles)[:, self.world.categories]
        good = BASE + HOBBY * direct + HOBBY_KIN * kin + PREFERENCE * liked + BOTH * direct * liked
        good = good + OCCASION * fitting + VALUE * value + SENSE * sense
        pleasure: Floats = good - (1 - self._suits(profiles))
        return pleasure

    def _sense(self, profiles: Sequence[Profile]) -> Floats:
        """[N, C] what occasion and relationship make of the categories, about -2 to 2."""
        order = {name: code for code, name in enumerate(self.world.vocabulary.gift_categories)}
        table = np.zeros((len(profiles), len(order)))
        for row, profile in enumerate(profiles):
            for senses, key in (
                (OCCASION_SENSE, profile.occasion),
                (RELATIONSHIP_SENSE, profile.relationship),
            ):
                likes, dislikes = senses.get(key, ((), ()))
                for sign, names in ((1.0, likes), (-1.0, dislikes)):
                    for name in names:
                        if name in order:
                            table[row, order[name]] += sign
        return table

    def _suits(self, profiles: Sequence[Profile]) -> Floats:
        """[N, G] in (0, 1]: lower outside the gift's ages, and where it is too intimate."""
        words, gifts = self.world.vocabulary, self.world.gifts
        age = np.array([p.age for p in profiles], dtype=np.float64)[:, None]
        low = np.array([g.ages[0] for g in gifts], dtype=np.float64)[None]
        high = np.array([g.ages[1] for g in gifts], dtype=np.float64)[None]
        outside = np.maximum(0, np.maximum(low - age, age - high))
        close = np.array(
            [
                0.7 * words.relationships[p.relationship] + 0.3 * words.occasions[p.occasion]
                for p in profiles
            ]
        )[:, None]
        intimate = np.array([g.intimacy for g in gifts])[None]
        suits: Floats = np.exp(-outside / 12) * (1 - 0.8 * np.maximum(0, intimate - close))
        return suits

    # ---- satisfaction

    def tastes(self, seeds: Sequence[int], draws: int) -> Floats:
        """[N, draws, G] hidden tastes of scenarios, from seeds of their own."""
        categories = self.world.categories
        parts = []
        for seed in seeds:
            draw = rng(seed, "tastes")
            own = GIFT_TASTE * draw.standard_normal((draws, len(self.world)))
            shared = CATEGORY_TASTE * draw.standard_normal((draws, categories.max() + 1))
            parts.append(own + shared[:, categories])
        return np.stack(parts)

    def satisfaction(self, who: Recipients, facts: Facts, tastes: Floats) -> Floats:
        """[N, T, G]: of every gift under facts [N, G] and tastes [N, T, G]."""
        known = self._known(who, facts)
        can = self.feasible(who, facts)
        felt: Floats = np.clip(known[:, None] + tastes, 0, 1) * can[:, None]
        return felt

    def _known(self, who: Recipients, facts: Facts) -> Floats:
        known: Floats = (
            who.pleasure + who.quality[:, None] * facts.quality + who.trend[:, None] * facts.trend
        )
        return known

    def feasible(self, who: Recipients, facts: Facts) -> npt.NDArray[np.bool_]:
        """[N, G] affordable with all fees, in stock, and there in time."""
        within = facts.price + facts.fees <= who.budget[:, None]
        within &= facts.lead_days <= who.days_left[:, None]
        return within

    def worth(self, slates: Numbers, satisfaction: Floats) -> Floats:
        """[N, T] worth of slates [N, K] (-1: no gift) under satisfactions [N, T, G]."""
        shown = np.where(slates >= 0, slates, 0)
        of_slate = np.take_along_axis(satisfaction, shown[:, None, :], axis=2)
        best = np.where((slates >= 0)[:, None], of_slate, 0.0).max(axis=2)
        worth: Floats = (1 - DIVERSITY) * best + DIVERSITY * self.diversity(slates)[:, None]
        return worth

    def diversity(self, slates: Numbers) -> Floats:
        """[N] distinct categories of a slate, over its full length."""
        categories = np.where(slates >= 0, self.world.categories[slates], -1)
        return np.array([len({*row} - {-1}) / SLATE for row in categories.tolist()])

    # ---- choosers

    def facts(self, days: Sequence[int]) -> Facts:
        """[N, G] what holds on each scenario's day."""
        return facts_on(self.world, days)

    def best(self, who: Recipients, facts: Facts) -> Numbers:
        """[N, 5] slates of highest expected satisfaction, all facts known, tastes not."""
        tastes = self.tastes([derive(self.world.seed, "think")], 2 * WORLDS)[0]
        return self._slates(who, facts, tastes[None])

    def clairvoyant(self, who: Recipients, facts: Facts, tastes: Floats) -> Numbers:
        """[N, 5] slates of one who knows the tastes [N, G] too."""
        return self._slates(who, facts, tastes[:, None])

    def _slates(self, who: Recipients, facts: Facts, tastes: Floats) -> Numbers:
        known, can = self._known(who, facts), self.feasible(who, facts)
        chosen = np.empty((len(who), SLATE), dtype=np.int64)
        for n in range(len(who)):
            listed = np.argsort(-np.where(can[n], known[n], -np.inf), kind="stable")[:SHORTLIST]
            taste = tastes[n if len(tastes) > 1 else 0]
            pleased = np.clip(known[n] + taste, 0, 1) * can[n]  # [T, G]
            if taste.shape[0] == 1:  # tastes known: any gift may be the best
                listed = np.argsort(-pleased[0], kind="stable")[:SHORTLIST]
            table = np.ascontiguousarray(pleased[:, listed].T)
            picked = choose_slates(table, self.world.categories[listed], DIVERSITY, SLATE)
            chosen[n] = np.where(picked >= 0, listed[picked], -1)
        return chosen

    def random(self, who: Recipients, seeds: Sequence[int]) -> Numbers:
        """[N, 5] gifts drawn from those listed within the budget."""
        slates = np.full((len(who), SLATE), -1, dtype=np.int64)
        for n, seed in enumerate(seeds):
            within = np.flatnonzero(self.world.listing.price <= who.budget[n])
            picked = rng(seed, "random").permutation(within)[:SLATE]
            slates[n, : len(picked)] = picked
        return slates

    # ---- tools and categories, ex ante

    def tool_values(self, who: Recipients) -> Floats:
        """[N, 32] expected worth of the final choice with each subset of tools, before cost."""
        single = np.float32
        decide = self.tastes([derive(self.world.seed, "decide")], WORLDS)[0]  # [W, G]
        judge = self.tastes([derive(self.world.seed, "judge")], WORLDS)[0]
        values: Floats = all_tool_values(
            np.stack([self._promising(who, n) for n in range(len(who))]),
            *(part.astype(single) for part in (who.pleasure, who.quality, who.trend)),
            *(part.astype(single) for part in (who.budget, who.days_left)),
            np.ascontiguousarray(_columns(self._days).transpose(1, 2, 0)),  # [D, G, 5]
            np.ascontiguousarray(_columns(self._particles).transpose(2, 0, 1)),  # [G, 5, W]
            *(np.ascontiguousarray(taste.T, dtype=single) for taste in (decide, judge)),
            self.world.categories,
            DIVERSITY,
            SLATE,
        )
        return values

    def _promising(self, who: Recipients, n: int) -> Numbers:
        """Gifts that could be chosen, whatever the facts: by hope times chance."""
        return np.argsort(-self._hope(who, n), kind="stable")[:SHORTLIST]

    def _hope(self, who: Recipients, n: int) -> Floats:
        think = self._particles
        spread = np.hypot(GIFT_TASTE, CATEGORY_TASTE)
        spread = np.sqrt(spread**2 + who.quality[n] ** 2 + who.trend[n] ** 2)
        can = (think.price + think.fees <= who.budget[n]) & (think.lead_days <= who.days_left[n])
        hope: Floats = np.clip(who.pleasure[n] + 1.5 * spread, 0, 1) * np.sqrt(can.mean(axis=0))
        return hope

    def net_tool_values(self, who: Recipients) -> Floats:
        """[N, 32] values of the subsets, net of what the calls cost."""
        return self.tool_values(who) - self.costs

    @property
    def costs(self) -> Floats:
        """[32] cost of each subset."""
        each = self.world.vocabulary.tools
        return np.array([sum(each[t] for t in subset) for subset in SUBSETS])

    def expected_satisfaction(self, who: Recipients) -> Floats:
        """[N, G] before asking: over facts of many days and over tastes."""
        days = self._days
        spread = np.hypot(GIFT_TASTE, CATEGORY_TASTE)
        expected = np.empty_like(who.pleasure)
        for n in range(len(who)):
            known = who.pleasure[n] + who.quality[n] * days.quality + who.trend[n] * days.trend
            can = (days.price + days.fees <= who.budget[n]) & (days.lead_days <= who.days_left[n])
            expected[n] = (clipped_mean(known, float(spread)) * can).mean(axis=0)
        return expected

    def expected_categories(self, who: Recipients) -> list[tuple[str, ...]]:
        """At most three categories a recipient, by the expected satisfaction of their best gift."""
        names = tuple(self.world.vocabulary.gift_categories)
        expected = self.expected_satisfaction(who)  # [N, G]
        score = np.full((len(who), len(names)), -1.0)
        for code in np.unique(self.world.categories):
            score[:, code] = expected[:, self.world.categories == code].max(axis=1)
        chosen = []
        for row in score:
            top = np.argsort(-row, kind="stable")[:3]
            enough = max(MARGIN * row[top[0]], 1e-9)  # nothing is expected where nothing can be had
            chosen.append(tuple(names[c] for c in top if row[c] >= enough))
        return chosen


def clipped_mean(mean: Floats, spread: float) -> Floats:
    """Mean of a normal variable that is clipped to [0, 1]."""
    return _excess(mean, spread) - _excess(mean - 1, spread)


def _excess(mean: Floats, spread: float) -> Floats:
    """E[max(0, X)] of X normal."""
    from scipy.special import ndtr

    z = mean / spread
    part: Floats = mean * ndtr(z) + spread * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return part


def _columns(facts: Facts) -> npt.NDArray[np.float32]:
    """[5, D, G] the facts in the order of the tools."""
    return np.stack([facts.column(tool) for tool in TOOLS]).astype(np.float32)

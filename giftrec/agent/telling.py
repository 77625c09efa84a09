"""Reasons in words: only what is true of this gift, whatever the model thinks of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from giftrec.agent.gate import Checked
from giftrec.agent.reply import Signal
from giftrec.agent.storefront import Storefront
from giftrec.tools.envelope import Envelope
from giftrec.tools.reviews import GiftReviews, ReviewAnalysis
from giftrec.tools.trends import GiftTrend, TrendAnalysis

CHEAPER = 0.02  # below the usual price, from which it is worth a word


@dataclass(frozen=True)
class Shown:
    """One gift, with all that is known of it when it is shown."""

    number: int
    checked: Checked
    envelopes: Mapping[str, Envelope]
    front: Storefront

    def say(self, signal: Signal, what: str) -> str | None:
        """Why `what` (a hobby, an occasion, ...) speaks for the gift; None where it does not."""
        told = getattr(self, f"_{signal}")(what)
        return None if told is None else str(told)

    def _hobby(self, what: str) -> str | None:
        words = self.front.vocabulary
        order = words.levels("hobby")
        has = {order[h] for h in np.flatnonzero(self.front.shelf.hobbies[self.number])}
        if what in has:
            return f"for {_plain(what)}"
        kin = {words.hobbies[hobby] for hobby in has}
        return f"close to {_plain(what)}" if words.hobbies[what] in kin else None

    def _preference(self, what: str) -> str | None:
        place = self.front.vocabulary.levels("preference").index(what)
        return _plain(what) if self.front.shelf.preferences[self.number, place] > 0 else None

    def _occasion(self, what: str) -> str:
        place = self.front.vocabulary.levels("occasion").index(what)
        made = self.front.shelf.occasions[self.number, place] > 0
        return f"made for: {_plain(what)}" if made else f"suits the occasion: {_plain(what)}"

    def _relationship(self, what: str) -> str:
        return f"suits a {_plain(what)}"

    def _price(self, _: str) -> str | None:
        cost, priced = self.checked.cost, self.checked.priced
        history = None if priced is None else priced.history
        if history is not None and history.now == cost.price:
            less = -history.against_median
            if less > CHEAPER:
                return f"{cost.price} today, {less:.0%} below its usual price"
        return f"{cost.price} today at {cost.shop}" if cost.shop else None

    def _delivery(self, _: str) -> str | None:
        there = self.checked.delivery.arrives
        known = self.checked.delivery.in_time and there
        return f"in stock, there by {there}" if known else None

    def _reviews(self, _: str) -> str | None:
        found = reviews_of(self.envelopes, self.checked.gift)
        if found is None or not found.count:
            return None
        praised = [a.name for a in found.aspects if a.good > a.bad]
        for_what = f", praised for {_plain(praised[0])}" if praised else ""
        many = "review" if found.count == 1 else "reviews"
        return f"rated {found.rating_without_suspicious:.1f} of 5 ({found.count} {many}){for_what}"

    def _trend(self, _: str) -> str | None:
        found = trend_of(self.envelopes, self.checked.gift)
        if found is None or found.growth is None or found.trend != "rising":
            return None
        return f"more in demand every week: {found.growth.weekly:+.1%}"


def reviews_of(envelopes: Mapping[str, Envelope], gift: str) -> GiftReviews | None:
    """What review_analysis found of a gift, if it was asked and answered."""
    envelope = envelopes.get("review_analysis")
    if envelope is None or not isinstance(envelope.data, ReviewAnalysis):
        return None
    return next((found for found in envelope.data.gifts if found.gift == gift), None)


def trend_of(envelopes: Mapping[str, Envelope], gift: str) -> GiftTrend | None:
    """The same of trend_analyzer."""
    envelope = envelopes.get("trend_analyzer")
    if envelope is None or not isinstance(envelope.data, TrendAnalysis):
        return None
    return next((found for found in envelope.data.gifts if found.gift == gift), None)


def _plain(word: str) -> str:
    return word.replace("_", " ")

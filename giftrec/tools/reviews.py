"""review_analysis: what customers say of a gift, aspect by aspect, and how far to trust it.

The rating is drawn towards the catalogue's mean where reviews are few; it is given with and without
the reviews that look dishonest. Feelings of single aspects come from lists of words that can be
read (`words.toml`); the feeling of whole reviews from a reader that has learned from stars.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Literal

from pydantic import Field

from giftrec.schema import Record, Share
from giftrec.tools.bursts import bursts, near_duplicates, same_hand
from giftrec.tools.feelings import Part, lexicon
from giftrec.tools.provider import Background, Provider
from giftrec.tools.ratings import shrunken
from giftrec.tools.results import Request, Result
from giftrec.tools.sentiment import ListReader, Reader, median_stars, positive, read
from giftrec.tools.tables import NO_DAY, NOT_STATED, Floats, Rows, day_of, number_of

FELT = 0.12  # feeling of a sentence from which it speaks for or against
QUOTE = 140  # characters
MOST_READ = 400  # texts of a gift; stars are all counted
AGAINST, FOR = 0.5, 0.95  # chances of a positive text at which it contradicts its stars


class ReviewRequest(Request):
    """Reviews dated after `on` are not looked at."""


class Aspect(Record):
    """What is said of one aspect."""

    name: str
    mentions: int = Field(description="reviews that speak of it")
    good: int
    bad: int
    quote: str | None = Field(description="one sentence, as it was written")


class Suspicion(Record):
    kind: Literal["burst", "near duplicates", "same reviewer"]
    reviews: int
    words: str


class GiftReviews(Record):
    gift: str
    count: int
    stars: tuple[int, int, int, int, int] = Field(description="reviews of 1, 2, 3, 4, 5 stars")
    mean: float | None = Field(description="of the stars given")
    rating: float = Field(description="drawn towards the catalogue's mean")
    low: float = Field(description="of a 95% interval of the rating")
    high: float
    rating_without_suspicious: float
    positive: Share | None = Field(description="share of texts whose words speak for it")
    contradicting: int = Field(description="texts at odds with their own stars")
    aspects: tuple[Aspect, ...]
    suspicions: tuple[Suspicion, ...]
    since: date | None
    until: date | None
    words: tuple[str, ...] = ()


class ReviewAnalysis(Result):
    reader: str = Field(description="what the words were read by")
    catalogue_mean: float
    catalogue_strength: float = Field(description="reviews that the catalogue's mean counts for")
    gifts: tuple[GiftReviews, ...]


def review_analysis(
    request: ReviewRequest, provider: Provider, reader: Reader | None = None
) -> ReviewAnalysis:
    reader, background = reader or ListReader(), provider.background
    today = number_of(request.on)

    def compute(new: Sequence[str]) -> list[GiftReviews]:
        return _analyzed(provider, new, today, reader, background)

    days = background.review_days
    whole = days is not None and (not len(days) or int(days[-1]) <= today)
    kind = f"reviews by {reader.name}" + ("" if whole else f" on {request.on}")
    found = provider.derived(kind, request.gifts, compute)
    prior = background.prior
    words = (
        ["the prior is assumed: no catalogue to learn it from"] if not prior.learned_from else []
    )
    if none := sum(gift.count == 0 for gift in found):
        words.append(f"no review of {none} of {len(found)} gifts")
    newest = [gift.until for gift in found if gift.until is not None]
    return ReviewAnalysis(
        as_of=max(newest, default=None),
        rows=sum(gift.count for gift in found),
        reader=reader.name,
        catalogue_mean=round(prior.mean, 3),
        catalogue_strength=round(prior.strength, 2),
        gifts=tuple(found),
        words=tuple(words),
    )


def _analyzed(
    provider: Provider, gifts: Sequence[str], today: int, reader: Reader, background: Background
) -> list[GiftReviews]:
    rows = provider.rows("reviews", gifts)
    on, texts = rows.numbers["on"], rows.texts["text"]
    mine = [[r for r in rows.of(n) if on[r] <= today] for n in range(len(gifts))]
    written = [row for some in mine for row in _read_of(some, texts)]
    parts = {row: read(texts[row] or "") for row in written}
    chances = reader.chances([parts[row] for row in written])
    place = {row: n for n, row in enumerate(written)}
    return [
        _analyze(gift, rows, some, parts, chances, place, reader, background)
        for gift, some in zip(gifts, mine, strict=True)
    ]


def _read_of(mine: list[int], texts: list[str | None]) -> list[int]:
    """The newest reviews that have words: a gift with thousands answers in time as well."""
    return [row for row in mine if (texts[row] or "").strip()][-MOST_READ:]


def _analyze(
    gift: str,
    rows: Rows,
    mine: list[int],
    parts: dict[int, list[Part]],
    chances: Floats,
    place: dict[int, int],
    reader: Reader,
    background: Background,
) -> GiftReviews:
    stars = [rows.numbers["stars"][row] for row in mine]
    given = [s for s in stars if s != NOT_STATED]
    texts = [row for row in mine if row in place]
    words = []
    if len(texts) == MOST_READ:
        words.append(f"the words of the newest {MOST_READ} of {len(mine)} reviews were read")
    said = chances[[place[row] for row in texts]]
    told = median_stars(said).tolist()
    suspicions, doubted = _suspicions(rows, mine, parts, background)
    counted = {row: float(s) for row, s in zip(mine, stars, strict=True) if s != NOT_STATED}
    if not counted and texts:
        counted = dict(zip(texts, told, strict=True))
        words.append("no stars given: rated by what the words say")
    rating = shrunken(list(counted.values()), background.prior)
    trusted = shrunken([s for row, s in counted.items() if row not in doubted], background.prior)
    likes = positive(said).tolist()
    at_odds = sum(
        (s >= 4 and like < AGAINST) or (s in (1, 2) and like > FOR)
        for s, like in zip((rows.numbers["stars"][row] for row in texts), likes, strict=True)
    )
    days = [rows.numbers["on"][row] for row in mine if rows.numbers["on"][row] != NO_DAY]
    by_star = Counter(given)
    return GiftReviews(
        gift=gift,
        count=len(mine),
        stars=(by_star[1], by_star[2], by_star[3], by_star[4], by_star[5]),
        mean=round(sum(given) / len(given), 3) if given else None,
        rating=rating.stars,
        low=rating.low,
        high=rating.high,
        rating_without_suspicious=trusted.stars,
        positive=_share([like > reader.threshold for like in likes]),
        contradicting=at_odds,
        aspects=_aspects([parts[row] for row in texts]),
        suspicions=suspicions,
        since=day_of(min(days)) if days else None,
        until=day_of(max(days)) if days else None,
        words=tuple(words),
    )


def _share(yes: list[bool]) -> float | None:
    return round(sum(yes) / len(yes), 4) if yes else None


def _aspects(reviews: list[list[Part]]) -> tuple[Aspect, ...]:
    """One review counts once an aspect: by the sum of what its sentences about it feel."""
    felt: dict[str, list[float]] = {}
    quotes: dict[str, tuple[float, str]] = {}
    for parts in reviews:
        sums: dict[str, float] = {}
        for part in parts:
            for name in part.aspects:
                sums[name] = sums.get(name, 0.0) + part.feeling
                strength = abs(part.feeling) - 0.002 * len(part.text)
                if len(part.text) <= QUOTE and strength > quotes.get(name, (-9.0, ""))[0]:
                    quotes[name] = (strength, part.text)
        for name, feeling in sums.items():
            felt.setdefault(name, []).append(feeling)
    return tuple(
        Aspect(
            name=name,
            mentions=len(felt[name]),
            good=sum(feeling > FELT for feeling in felt[name]),
            bad=sum(feeling < -FELT for feeling in felt[name]),
            quote=quotes[name][1] if name in quotes else None,
        )
        for name in lexicon().names
        if name in felt
    )


def _suspicions(
    rows: Rows, mine: list[int], parts: dict[int, list[Part]], background: Background
) -> tuple[tuple[Suspicion, ...], set[int]]:
    """What looks dishonest, and the rows of those reviews."""
    on, reviewers = rows.numbers["on"], rows.texts["reviewer"]
    dated = [row for row in mine if on[row] != NO_DAY]
    written = [row for row in mine if row in parts]
    words = [[word for part in parts[row] for word in part.words] for row in written]
    found: list[Suspicion] = []
    doubted: set[int] = set()
    for kind, among, places, text in (
        (
            "burst",
            dated,
            bursts([on[row] for row in dated], background.review_days),
            "far more in a week than would come by chance",
        ),
        ("near duplicates", written, near_duplicates(words), "nearly the words of another review"),
        (
            "same reviewer",
            mine,
            same_hand([reviewers[row] for row in mine]),
            "by somebody who had reviewed it before",
        ),
    ):
        if places:
            doubted |= {among[place] for place in places}
            found.append(Suspicion(kind=kind, reviews=len(places), words=text))  # type: ignore[arg-type]
    return tuple(found), doubted

"""Why a gift is suggested, in words: only what is true of the recipient, the gift and the facts."""

from giftrec.catalog.world import World
from giftrec.inputs import Facts
from giftrec.money import Money
from giftrec.schema import Profile
from giftrec.vocabulary import TOOLS

NOTABLE = 0.5  # standard scores that are worth a word


def reasons(profile: Profile, world: World, gift: int, facts: Facts) -> tuple[str, ...]:
    """The reasons for one gift; `facts` are of this recipient alone."""
    it = world.gifts[gift]
    said = []
    if shared := [h for h in profile.hobbies if h in it.hobbies]:
        said.append(f"serves {_plain(shared)}")
    else:
        kinds = {world.vocabulary.hobbies[h] for h in it.hobbies}
        if near := [h for h in profile.hobbies if world.vocabulary.hobbies[h] in kinds]:
            said.append(f"close to {_plain(near)}")
    if liked := [p for p in profile.preferences if p in it.preferences]:
        said.append(f"is {_plain(liked)}")
    if profile.occasion in it.occasions:
        said.append(f"made for {_plain([profile.occasion])}")
    known = {tool: bool(facts.known[0, t] > 0) for t, tool in enumerate(TOOLS)}
    if known["price_comparison"]:
        price = Money(minor=int(facts.price[0, gift]), currency=world.currency)
        said.append(f"costs {price} today")
    if known["budget_optimizer"]:
        fees = Money(minor=int(facts.fees[0, gift]), currency=world.currency)
        said.append(f"shipping and wrapping are {fees}")
    if known["inventory_check"]:
        days = int(facts.lead_days[0, gift])
        said.append(f"in stock, there in {days} day{'s' if days != 1 else ''}")
    if known["review_analysis"] and float(facts.quality[0, gift]) > NOTABLE:
        said.append("well reviewed of late")
    if known["trend_analyzer"] and float(facts.trend[0, gift]) > NOTABLE:
        said.append("in demand right now")
    fits = "the age and the budget" if it.ages[0] <= profile.age <= it.ages[1] else "the budget"
    return tuple(said) or (f"fits {fits}",)


def _plain(words: list[str]) -> str:
    return " and ".join(word.replace("_", " ") for word in words)

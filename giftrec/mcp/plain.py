"""The same answers in a few words, for who reads text and not JSON.

Titles and reviews are written by shops and customers. They stand on one line, cut short and without
control characters, so that nothing of them can pass for words of the server.
"""

from giftrec.agent.reply import Pick

TITLE = 100  # characters


def one_line(text: str, most: int = TITLE) -> str:
    """Printable, on one line, cut short."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."


def bullets(heading: str, lines: tuple[str, ...] | list[str]) -> list[str]:
    return [heading, *(f"- {one_line(line, 300)}" for line in lines)] if lines else []


def pick_lines(pick: Pick) -> list[str]:
    """One gift of a slate."""
    cost, delivery = pick.cost, pick.delivery
    price = str(cost.total) if cost.shopper is None else f"{cost.total}, about {cost.shopper}"
    shop = f" at {one_line(cost.shop, 60)}" if cost.shop else ""
    fees = "" if cost.fees_stated else ", fees not stated"
    there = f"there on {delivery.arrives}" if delivery.arrives else "delivery day not known"
    stock = {True: "in stock", False: "out of stock", None: "stock not stated"}[delivery.in_stock]
    lines = [
        f"{pick.rank}. {one_line(pick.title)} [{pick.gift}] ({pick.slot})",
        f"   {price}{shop}{fees}; {stock}, {there}",
    ]
    if pick.opinion is not None:
        said = pick.opinion
        praise = f", praised: {', '.join(said.praised)}" if said.praised else ""
        blame = f", blamed: {', '.join(said.blamed)}" if said.blamed else ""
        lines.append(f"   {said.rating:.1f} of 5 from {said.count} reviews{praise}{blame}")
    if pick.reasons:
        why = "; ".join(one_line(reason.words, 120) for reason in pick.reasons)
        lines.append(f"   why: {why}")
    return lines

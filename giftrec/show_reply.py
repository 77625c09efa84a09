"""The agent's answers on a terminal: what was understood, the gifts, and what is to be known."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from giftrec.show import Show

if TYPE_CHECKING:
    from giftrec.agent.reply import Pick, Reply
    from giftrec.agent.wish import Wish
    from giftrec.asking import Heard
    from giftrec.money import Money

SLOTS = {
    "safe": ("Safe", "the surest"),
    "thoughtful": ("Thoughtful", "meets most"),
    "splurge": ("Splurge", "the dearest"),
    "bargain": ("Bargain", "the cheapest"),
    "surprise": ("Surprise", "something else"),
    "also": ("Also", ""),
}
SEPARATOR = " · "


class ShowReply(Show):
    """Prints answers, one for each person."""

    def replies(self, answered: "Sequence[tuple[Heard, Reply]]", explain: bool) -> None:
        if self.as_json:
            return self.json({"answers": [_as_json(*pair, explain) for pair in answered]})
        for number, (heard, reply) in enumerate(answered):
            if number:
                self.console.print()
            self._heard(heard)
            self._picks(heard.wish, reply, explain)
            self._after(reply)
            if explain:
                self._explained(reply)

    def _heard(self, heard: "Heard") -> None:
        wish, profile = heard.wish, heard.wish.profile
        likes = [*map(_plain, profile.hobbies), *map(_plain, profile.preferences)]
        who = [_plain(profile.relationship), f"{profile.age} years", _plain(profile.occasion)]
        up_to = f"up to {profile.budget}"
        if wish.at_least is not None:
            up_to = f"{wish.at_least} to {profile.budget}"
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column()
        for name, words in (
            ("for", SEPARATOR.join(who)),
            ("likes", ", ".join(likes)),
            ("in their words", ", ".join(f"“{said}”" for said in wish.wishes)),
            ("not", ", ".join(wish.excluded)),
            ("has", ", ".join(wish.owned)),
            ("budget", up_to),
            ("needed by", _day(wish.day, wish.on)),
            ("assumed", "; ".join(heard.missing)),
        ):
            if words:
                table.add_row(name, _text(words, "yellow" if name == "assumed" else ""))
        self.console.print(table)

    def _picks(self, wish: "Wish", reply: "Reply", explain: bool) -> None:
        if not reply.picks:
            self.console.print(Text("\nNo gift fits.", "bold"))
            return
        table = Table(box=box.SIMPLE_HEAD, show_lines=True, expand=True, padding=(0, 1))
        table.add_column("", no_wrap=True)
        table.add_column("gift", ratio=1)
        table.add_column("price", justify="right", no_wrap=True)
        for pick in reply.picks:
            name, what = SLOTS[pick.slot]
            slot = Text(f"{pick.rank}  {name}", "bold")
            if what:
                slot.append(f"\n   {what}", "not bold dim")
            table.add_row(slot, _gift(pick, wish, explain), _price(pick))
        self.console.print(table)

    def _after(self, reply: "Reply") -> None:
        for style, sign, words in (
            ("cyan", "+", [other.words for other in reply.alternatives]),
            ("red", "!", reply.degraded),
            ("dim", "i", reply.notes),
        ):
            for said in words:
                line = Table.grid(padding=(0, 1))
                line.add_row(Text(sign, style), _text(said, style))
                self.console.print(Padding(line, (0, 1)))

    def _explained(self, reply: "Reply") -> None:
        tools = Table(title="Tools", title_justify="left", box=box.SIMPLE_HEAD)
        for column in ("tool", "pays", "asked", "status", "as of", "ms"):
            tools.add_column(column, justify="right" if column in ("pays", "ms") else "left")
        for use in reply.tools:
            ms = "" if use.ms is None else f"{use.ms:.1f}"
            asked = "yes" if use.asked else "no"
            as_of = "" if use.as_of is None else str(use.as_of)
            tools.add_row(use.tool, f"{use.pays:.2f}", asked, use.status, as_of, ms)
        self.console.print(tools)
        facts = {
            "looked first at": ", ".join(map(_plain, reply.categories)),
            "free words matched by": reply.text_by or "none were given",
            "catalogue": f"{reply.catalogue}, as of {reply.as_of}",
        }
        for name, value in facts.items():
            self.console.print(Text(f" {name}: {value}"))
        steps = Table(title="Steps", title_justify="left", box=box.SIMPLE_HEAD)
        steps.add_column("ms", justify="right")
        steps.add_column("what")
        for step in reply.trace:
            steps.add_row(f"{step.at_ms:.1f}", _text(step.what))
        self.console.print(steps)


def _gift(pick: "Pick", wish: "Wish", explain: bool) -> Text:
    """Title; reasons; shop, delivery, opinion."""
    text = _text(pick.title, "bold")
    if explain:
        text.append(f"  {pick.gift}, expected {pick.expected:.2f}", "not bold dim")
    for reason in pick.reasons:
        weight = f" ({reason.weight:+.3f})" if explain else ""
        text.append("\n• ", "not bold").append_text(_text(f"{reason.words}{weight}", "not bold"))
    known = [pick.cost.shop or "no shop on record", _delivery(pick, wish)]
    if pick.opinion is not None and pick.opinion.count:
        many = "review" if pick.opinion.count == 1 else "reviews"
        known.append(f"{pick.opinion.rating:.1f}/5 from {pick.opinion.count} {many}")
    text.append("\n").append_text(_text(SEPARATOR.join(known), "not bold dim"))
    if pick.opinion is not None and pick.opinion.doubt:
        text.append("\n").append_text(_text(f"reviews: {pick.opinion.doubt}", "not bold yellow"))
    return text


def _delivery(pick: "Pick", wish: "Wish") -> str:
    delivery = pick.delivery
    if delivery.arrives is not None:
        return f"there by {_day(delivery.arrives, wish.on)}"
    if delivery.in_stock is None:
        return "stock not stated"
    return "in stock, delivery time not stated" if delivery.in_stock else "not in stock"


def _price(pick: "Pick") -> Text:
    cost = pick.cost
    text = Text(str(cost.shopper or cost.total), "bold")
    small: list[str] = []
    if cost.shopper is not None:
        small += [f"= {cost.total}", f"rate of {cost.rates_of}"]
    if not cost.fees_stated:
        small.append("fees not stated")
    elif cost.fees.minor:
        small.append(f"with {_amount(cost.fees)} fees")
    for line in small:
        text.append(f"\n{line}", "not bold dim")
    return text


def _amount(money: "Money") -> str:
    return str(money).partition(" ")[0]


def _day(day: date, on: date) -> str:
    year = f" {day.year}" if day.year != on.year else ""
    return f"{day:%a} {day.day} {day:%b}{year}"


def _plain(word: str) -> str:
    return word.replace("_", " ")


def _text(words: str, style: str = "") -> Text:
    """Words of shops and shoppers, without what could move a terminal's cursor."""
    return Text("".join(c if c.isprintable() else " " for c in words), style)


def _as_json(heard: "Heard", reply: "Reply", explain: bool) -> dict[str, Any]:
    """Everything; the trace only where it was asked for."""
    left_out = () if explain else ("trace",)
    return {
        "wish": json.loads(heard.wish.model_dump_json()),
        "person": heard.person,
        "missing": heard.missing,
        "reply": _without(json.loads(reply.model_dump_json()), left_out),
    }


def _without(content: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}

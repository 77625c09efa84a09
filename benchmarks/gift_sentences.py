"""Slot accuracy of the sentence parser, and how long a sentence takes.

    python -m benchmarks.gift_sentences --set development
    python -m benchmarks.gift_sentences --set held_out --key "first look"   # appends a row
    python -m benchmarks.gift_sentences --set held_out --show               # what was missed

A slot is right when it is exactly the written one (sets as sets; a budget with its kind, amounts
and currency). `filled` counts the slots that are filled in the label or in the answer, which is the
stricter figure; `all` also counts those that are rightly empty. The sets' day is 18 November 2026.
"""

import argparse
import json
import statistics
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.record import append
from giftrec.money import Money
from giftrec.sentence import Parsed, Person, parse
from giftrec.vocabulary import default_vocabulary

NAME = "gift_sentences"
TODAY = date(2026, 11, 18)  # a Wednesday
FOLDER = Path(__file__).parent.parent / "tests" / "giftrec" / "sentence"
SETS = ("hobbies", "preferences", "excluded", "owned")
SLOTS = ("relationship", "age", *SETS, "occasion", "budget", "needed_by")
Row = dict[str, Any]


def sentences(name: str) -> list[Row]:
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


def plain(person: Person) -> Row:
    """A person in the form of the labels."""
    said: Row = {}
    if person.relationship:
        said["relationship"] = person.relationship.value
    if person.age:
        said["age"] = [person.age.value.low, person.age.value.high]
    for name in SETS:
        values = sorted(slot.value for slot in getattr(person, name))
        if values:
            said[name] = values
    if person.occasion:
        said["occasion"] = person.occasion.value
    if person.budget:
        budget = person.budget.value
        sums = "-".join(str(_short(money)) for money in budget.said)
        way = {"about": "about ", "under": "under ", "at least": "least "}.get(budget.way, "")
        parted = budget.said[-1].minor != (budget.high or budget.low or budget.said[-1]).minor
        if budget.way in {"exactly", "between", "under"} and parted and budget.high:
            sums = "-".join(str(_short(m)) for m in (budget.low, budget.high) if m)
        said["budget"] = f"{way}{sums} {budget.said[0].currency}"
    if person.needed_by:
        said["needed_by"] = person.needed_by.value.isoformat()
    return said


def _short(money: Money) -> str:
    return str(money).split()[0].removesuffix(".00")


def compared(row: Row, parsed: Parsed) -> list[tuple[str, Any, Any]]:
    """(slot, label, answer) for every slot of every person; people that miss have empty slots."""
    answers = [plain(person) for person in parsed.people]
    labels = [
        {k: sorted(v) if k in SETS else v for k, v in person.items()} for person in row["people"]
    ]
    width = max(len(labels), len(answers))
    labels += [{}] * (width - len(labels))
    answers += [{}] * (width - len(answers))
    pairs = [
        (slot, label.get(slot), answer.get(slot))
        for label, answer in zip(labels, answers, strict=True)
        for slot in SLOTS
    ]
    if "unknown" in row:
        heard = " ; ".join(parsed.unknown).lower()
        missed = [word for word in row["unknown"] if word.lower() not in heard]
        pairs.append(("unknown", row["unknown"], missed if missed else row["unknown"]))
    return pairs


def score(rows: list[Row]) -> dict[str, Any]:
    """Exact slot accuracy over `rows`, in all and slot by slot."""
    vocabulary = default_vocabulary()
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    empty = whole = 0
    misses, times = [], []
    for row in rows:
        begun = time.perf_counter()
        parsed = parse(row["text"], TODAY, vocabulary)
        times.append(time.perf_counter() - begun)
        pairs = compared(row, parsed)
        wrong = [(slot, a, b) for slot, a, b in pairs if a != b]
        empty += sum(a is None and b is None for _, a, b in pairs)
        for slot, a, b in pairs:
            if a is not None or b is not None:
                seen[slot] += 1
                right[slot] += a == b
        whole += not wrong
        if wrong:
            misses.append({"text": row["text"], "wrong": wrong})
    filled = sum(seen.values())
    return {
        "sentences": len(rows),
        "filled": round(sum(right.values()) / filled, 4),
        "all": round((sum(right.values()) + empty) / (filled + empty), 4),
        "whole": round(whole / len(rows), 4),
        "slots": {slot: [right[slot], seen[slot]] for slot in (*SLOTS, "unknown") if seen[slot]},
        "median_ms": round(statistics.median(times) * 1000, 3),
        "p99_ms": round(sorted(times)[int(len(times) * 0.99)] * 1000, 3),
        "misses": misses,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=("development", "held_out", "fresh"), default="held_out")
    parser.add_argument("--key", help="append a row under this name")
    parser.add_argument("--show", action="store_true", help="print what was missed")
    asked = parser.parse_args()
    parse("warm up", TODAY, default_vocabulary())
    figures = score(sentences(asked.set))
    misses = figures.pop("misses")
    if asked.show:
        for miss in misses:
            print(miss["text"])
            for slot, label, answer in miss["wrong"]:
                print(f"    {slot}: {label!r} was read as {answer!r}")
    print(json.dumps(figures, indent=1))
    if asked.key:
        append(NAME, f"{asked.set}: {asked.key}", **figures)


if __name__ == "__main__":
    main()

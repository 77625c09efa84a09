"""The table of RESULTS.md, from the rows."""

from benchmarks.record import Row, rows
from benchmarks.serving.table import line

NAME = "gift_serving"
UNDER_LOAD = {  # key: what it is, the bar
    "45/profiles/100": ("45 gifts, 100 req/s", "p50 <= 15 ms, p99 <= 50 ms, 0 errors"),
    "45/profiles/50": ("45 gifts, 50 req/s", "(the same at half the rate)"),
    "45/sentences/50": ("45 gifts, a sentence each, 50 req/s", "(none)"),
    "45/wishes/20": ("45 gifts, likes in free words, 20 req/s", "(none)"),
    "100000/profiles/20": ("100,000 gifts, 20 req/s", "p99 <= 150 ms"),
    "swap/50": ("three other catalogues go live, 50 req/s", "0 failed, 0 mixed"),
    "tools/50": ("one tool hangs, one raises, 50 req/s", "0 errors, within the deadline"),
}
HEAD = (
    "| what | bar | answers a second | p50 / p99 / max, ms | not 200; errors "
    "| server: CPU us a request, MiB | generator: CPU us a request, late p99 ms | commit |\n"
)


def markdown() -> str:
    measured = {row["key"]: row for row in rows(NAME)}
    lines = [
        line(what, bar, measured[key]) for key, (what, bar) in UNDER_LOAD.items() if key in measured
    ]
    said = [words(measured[key]) for key, words in IN_WORDS.items() if key in measured]
    table = HEAD + "|---" * 8 + "|\n" + "\n".join(lines)
    return "\n\n".join([table, *said])


def _swap(row: Row) -> str:
    of = ", ".join(f"{name.strip('-')} {count:,}" for name, count in row["answers_of"].items())
    return f"Answers by catalogue: {of}; mixed: {row['mixed']}; without a gift: {row['empty']}."


def _tools(row: Row) -> str:
    parts = [
        f"{name} {one['ms'].get('p50', 0):.1f} / {one['ms'].get('p99', 0):.1f} ms, "
        f"{one['degraded']:,} answers degraded, {one['refused']:,} refused"
        for name, one in row["phases"].items()
    ]
    return "While tools break (p50 / p99): " + "; ".join(parts) + "."


IN_WORDS = {"swap/50": _swap, "tools/50": _tools}

"""The tables of RESULTS.md, from the rows."""

from typing import Any

from benchmarks.record import Row, rows
from benchmarks.serving.measure import NAME

UNDER_LOAD = {  # key: what it is, the bar
    "cached/closed": ("cached, 16 connections", ">= 3,000 req/s, p99 <= 10 ms"),
    "cached/open/3000": ("cached, 3,000 req/s", "p99 <= 10 ms"),
    "uncached/sasrec/250": ("SASRec, history in the request, 250 req/s", "p99 <= 50 ms"),
    "uncached/sasrec/500": ("SASRec, history in the request, 500 req/s", "(moonshot)"),
    "uncached/two-tower/250": ("two-tower, history in the request, 250 req/s", "p99 <= 50 ms"),
    "uncached/two-tower/500": ("two-tower, history in the request, 500 req/s", "(moonshot)"),
    "million/500": ("two-tower, 1,000,000 items, 500 req/s", "p99 <= 20 ms"),
    "million/1500": ("two-tower, 1,000,000 items, 1,500 req/s", "(moonshot)"),
    "swap/200": ("activate and roll back, 200 req/s", "0 failed, 0 mixed"),
    "redis/500": ("Redis killed and restarted, 500 req/s", "0 errors"),
    "postgres/500": ("Postgres killed and restarted, 500 req/s", "0 errors"),
    "overload/5x": ("5x the sustainable rate", "accepted p99 <= 2x, the rest 429"),
}


def markdown() -> str:
    measured = {row["key"]: row for row in rows(NAME)}
    lines = [
        "| what | bar | answers a second | p50 / p99 / max, ms | not 200; errors "
        "| server: CPU us a request, MiB | generator: CPU us a request, late p99 ms | commit |",
        "|---" * 8 + "|",
    ]
    for start, (what, bar) in UNDER_LOAD.items():
        for key in (start, f"{start}/even", f"{start}/poisson"):
            if key in measured:
                arrivals = ", arrivals by chance" if key.endswith("poisson") else ""
                lines.append(line(what + arrivals, bar, measured[key]))
    said = [words(measured[key]) for key, words in IN_WORDS.items() if key in measured]
    return "\n".join(lines) + "".join(f"\n\n{one}" for one in said)


def line(what: str, bar: str, row: Row) -> str:
    ms, server, generator = row["ms"], row["servers"][0], row["generator"]
    other = {status: n for status, n in row["statuses"].items() if status != "200"}
    bound = " (generator bound)" if generator["bound"] else ""
    cells = [
        what,
        bar,
        f"{row['rate']:,.0f}",
        f"{ms['p50']:.2f} / {ms['p99']:.2f} / {ms['max']:.1f}{bound}",
        f"{_listed(other)}; {_listed(row['errors'])}",
        f"{server['cpu_us_a_request']:.0f}, {server['rss_mib']['most']:.0f}",
        f"{generator['cpu_us_a_request']:.0f}, {generator['lateness_ms']['p99']:.2f}",
        str(row["commit"]),
    ]
    return "| " + " | ".join(cells) + " |"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} x {what}" for what, n in counts.items()) or "0"


def _cached(row: Row) -> str:
    theirs = row["bare"]
    return (
        f"Cached: {row['users']:,} users asked (Zipf), {row['said']['made']:,} answers were not in "
        f"the cache. A bare FastAPI app in the same call: {theirs['rate']:,.0f} req/s, p99 "
        f"{theirs['ms']['p99']:.1f} ms; ours reaches {row['ratio']:.0%} of it with keys, rate "
        "limit, logs, metrics and the cache."
    )


def _hit(row: Row) -> str:
    ms = row["ms"]
    return (
        f"A hit of the cache in the process: p50 {ms['p50']:.4f} ms, p99 {ms['p99']:.4f} ms, "
        f"p99.9 {ms['p99.9']:.4f} ms (bar: p99 <= 0.5 ms)."
    )


def _ready(row: Row) -> str:
    seconds = row["seconds"]
    return (
        f"Process start to ready, 100,000 items x {row['dim']}: {seconds['median']:.2f} s, at most "
        f"{seconds['most']:.2f} s of {row['starts']} (bar: <= 3 s)."
    )


def _swap(row: Row) -> str:
    of = ", ".join(f"version {v}: {n:,}" for v, n in sorted(row["answers_of_version"].items()))
    took = ", ".join(f"{act['name']} {act['took']:.1f} s" for act in row["acted"])
    failed = [act["error"] for act in row["acted"] if act["error"]]
    return (
        f"Swap: {row['mixed']} answers mixed versions ({of}); {took}"
        + (f"; failed: {failed}" if failed else "")
        + "."
    )


def _order(row: Row) -> str:
    first, second = row["memory first"], row["redis first"]
    return (
        f"A hit with local memory first: p50 {first['p50']:.4f} ms, p99 {first['p99']:.4f}; with "
        f"Redis first: p50 {second['p50']:.3f}, p99 {second['p99']:.3f}. The default: memory."
    )


def _batches(row: Row) -> str:
    by_size = ", ".join(
        f"{size} at a time {ms['together']:.2f} ({ms['one by one']:.2f} one by one)"
        for size, ms in row["ms"].items()
    )
    return f"Milliseconds an answer of {row['key'].partition('/')[2]}, without HTTP: {by_size}."


def _gone(row: Row) -> str:
    parts = [
        f"{what} p99 {phase['ms']['p99']:.1f} ms, {phase['degraded']:,} said to be degraded"
        for what, phase in row["phases"].items()
    ]
    who = row["key"].partition("/")[0].capitalize()
    return f"{who} killed after a third, back after two: " + "; ".join(parts) + "."


def _overload(row: Row) -> str:
    fine, mib = row["sustained"], row["servers"][0]["rss_mib"]
    by: dict[str, Any] = row["ms_by_status"]
    refused = f"; refused: p99 {by['429']['p99']:.1f} ms" if "429" in by else ""
    return (
        f"Overload: {row['sustainable']:,.0f} req/s sustained with p99 {fine['ms']['p99']:.1f} ms; "
        f"at five times that accepted requests had {row['accepted_p99_ratio']:.2f}x{refused}; "
        f"memory {mib['before']:.0f} MiB before, {mib['most']:.0f} at most."
    )


IN_WORDS = {
    "cached/closed": _cached,
    "hit": _hit,
    "ready/100000": _ready,
    "swap/200": _swap,
    "redis/500": _gone,
    "postgres/500": _gone,
    "order": _order,
    "batches/sasrec": _batches,
    "batches/two-tower": _batches,
    "batches/million": _batches,
    "overload/5x": _overload,
}

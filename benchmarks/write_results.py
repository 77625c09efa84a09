"""Write RESULTS.md from the measured rows. Figures come from here, never from a keyboard.

python -m benchmarks.write_results
"""

from pathlib import Path

import numpy as np

from benchmarks import (
    bundles,
    claims,
    gift_feedback,
    gift_reviews,
    gift_serving,
    gift_text,
    gift_tools,
    gift_trends,
    gift_value,
    gift_who_for,
    gifts,
    quality,
    retrieval,
    sequences,
    serving,
)
from benchmarks.record import Row, rows

TARGET = Path(__file__).with_name("RESULTS.md")
README = Path(__file__).parents[1] / "README.md"
HEAD = """# Results

Written by `python -m benchmarks.write_results` from the rows under `results/`; each row has its
commit, machine and time. Intervals are 95%, users resampled; with several seeds the interval
shown is the hull of the seeds' own. "CPU s" is
processor time, which a busy machine distorts less than wall time; ratios come from interleaved
runs of one call.

Models were tuned on validation rows. What fell short of that, so that nobody has to guess: u1.test
was seen once while mf was being tuned (.8933, with other settings than those shipped, which
validation chose); two-tower's default of layers and features was checked on the generated data's
test rows as well; the rivals implicit and cornac were tuned again, on validation, after their
first test figures were known; and our iALS had about 170 settings tried, of which implicit can
express 63, so no claim of being better is made against it.
"""


GIFTS = """The model was tuned on other fresh scenarios (seed 99) than those of this table, and the
world's difficulty was fixed before any model was trained. The epoch is picked on the 20 validation
scenarios; their quality moves by about .03 from one split to the next, as the compact rows show
(seeds 1 and 2 have other splits, so it is below .95 there and not on the shipped split of seed 0),
which is why the fresh scenarios are the figures to trust. The reference preset (14.4 M parameters,
80 scenarios) had its best epoch at 5 to 15 until the appeal's weights were learned in units of
their priors' spreads and the rates rested at once where nothing improves. Gradient boosting on
2,000 scenarios chooses tools a little better (tool F1, regret) than the model does; in quality,
reward share and categories the model is ahead of every baseline."""


RETRIEVAL = """Two generated sets: "clustered" (20,000 tight clusters) and "hard" (like trained
two-tower vectors: lengths that differ, few strong directions, noise; queries are means of items).
The lists' signposts and efforts were tuned on these same generators."""


SERVING = """One process, key check, rate limit, logs and metrics on; the generator runs on the same
machine. Open loops count from the moment a request was due, so a server that stalls is charged for
all who would have come meanwhile."""


def ratio_table(name: str, ours: str, peer: str, extra: tuple[str, ...]) -> str:
    """Interleaved pairs: keys `<variant>/<who>/<round>`; time ratios pair by pair."""
    measured = {row["key"]: row for row in rows(name)}
    groups: dict[str, list[tuple[Row, Row]]] = {}
    for key, row in measured.items():
        parts = key.split("/")
        if ours in parts:
            twin = measured.get("/".join(peer if part == ours else part for part in parts))
            if twin is not None:
                variant = "/".join(part for part in parts[:-1] if part != ours)
                groups.setdefault(variant, []).append((row, twin))
    lines = [
        "| variant | rounds | "
        + " | ".join(f"{m}: ours / {peer}" for m in extra)
        + f" | CPU s: ours / {peer} | CPU time ratio (min .. max) |",
        "|---" * (len(extra) + 4) + "|",
    ]
    for variant, pairs in groups.items():
        cells = [f"{_mean(pairs, 0, m):.4f} / {_mean(pairs, 1, m):.4f}" for m in extra]
        ratios = [a["cpu_seconds"] / b["cpu_seconds"] for a, b in pairs]
        cpu = f"{_mean(pairs, 0, 'cpu_seconds'):.2f} / {_mean(pairs, 1, 'cpu_seconds'):.2f}"
        spread = f"{np.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f})"
        lines.append(
            " | ".join([f"| {variant or 'epoch'}", str(len(pairs)), *cells, cpu, spread]) + " |"
        )
    some = next(iter(measured.values()), None)
    if some is not None:
        lines.append(f"\nCommit {some['commit']}, {some['machine']}.")
    return "\n".join(lines)


def _mean(pairs: list[tuple[Row, Row]], side: int, figure: str) -> float:
    return float(np.mean([pair[side][figure] for pair in pairs]))


def cross_table() -> str:
    """What re-ranking gains over the same towers alone (paired), and what a user costs."""
    lines = [
        "| heads | ndcg@10: re-ranked / towers alone | paired gain (95%) "
        "| ms a user, batch 1: re-ranked / alone | batch 64 | commit |",
        "|---" * 6 + "|",
    ]
    for row in rows("cross_attention"):
        ndcg, gain, ms = row["ndcg"], row["gain"], row["ms_a_user"]
        lines.append(
            f"| {row['heads']} | {ndcg['re-ranked']:.4f} / {ndcg['alone']:.4f} "
            f"| {gain['value']:+.4f} ({gain['low']:+.4f} .. {gain['high']:+.4f}) "
            f"| {ms['re-ranked, batch 1']:.1f} / {ms['alone, batch 1']:.1f} "
            f"| {ms['re-ranked, batch 64']:.2f} / {ms['alone, batch 64']:.2f} "
            f"| {row['commit']} |"
        )
    return "\n".join(lines)


def plain_table(name: str, columns: tuple[str, ...]) -> str:
    """Rows as they are."""
    lines = ["| " + " | ".join(("key", *columns)) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in rows(name):
        cells = (row["key"], *(row.get(column, "") for column in columns))
        shown = (f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
        lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _into_readme(scores: str) -> None:
    """The score table of the first page, between its markers."""
    start, end = "<!-- scores -->\n", "<!-- /scores -->"
    head, _, rest = README.read_text(encoding="utf-8").partition(start)
    README.write_text(head + start + scores + "\n" + end + rest.partition(end)[2], encoding="utf-8")


def main() -> None:
    sections = [
        HEAD,
        "## The honest table\n\n    python -m benchmarks.quality",
        *(quality.markdown(table) for table in quality.tables()),
        "## Sequence models\n\n    make bench-sequences\n",
        sequences.markdown(),
        "## Claims, measured\n\n    python -m benchmarks.claims\n",
        claims.table(),
        "## iALS against implicit\n\n    make bench-factorisation\n",
        ratio_table("ials_vs_implicit", "ours", "implicit", ("ndcg@10", "recall_capped@20")),
        "## Biased MF against cornac\n\n    make bench-factorisation\n",
        ratio_table("biased_mf_vs_cornac", "ours", "cornac", ("rmse", "mae")),
        "## One epoch of implicit MF against RecBole's BPR (d 64, batch 8192)\n\n"
        "    make bench-epoch\n",
        ratio_table("epoch_vs_recbole", "ours", "recbole", ()),
        "## Cross-attention re-ranker\n\n    python -m benchmarks.cross_attention\n",
        cross_table(),
        "## Gifts\n\n    make bench-gifts",
        GIFTS,
        gifts.markdown(),
        "## What the gift tools are worth\n\n    python -m benchmarks.gift_value",
        gift_value.markdown(),
        "## The gift agent as a server\n\n    python -m benchmarks.gift_serving",
        gift_serving.markdown(),
        "## Who bought what for whom: the agent's ranking\n\n    python -m benchmarks.gift_who_for",
        gift_who_for.markdown(),
        "## Free words against gift texts\n\n    python -m benchmarks.gift_text",
        gift_text.markdown(),
        "## Stars from the words of reviews\n\n    python -m benchmarks.gift_reviews",
        gift_reviews.markdown(),
        "## Trends of weekly demand\n\n    python -m benchmarks.gift_trends",
        gift_trends.markdown(),
        "## The five gift tools, milliseconds\n\n    python -m benchmarks.gift_tools",
        gift_tools.markdown(),
        "## Learning from feedback\n\n    python -m benchmarks.gift_feedback\n",
        gift_feedback.markdown(),
        "## Bundles: every model on ML-100K\n\n    make bench-bundles\n",
        bundles.markdown(),
        "## Retrieval: 1,000,000 x 64, one thread\n\n    make bench-retrieval",
        RETRIEVAL,
        retrieval.markdown(),
        "## The server under load\n\n    make bench-serving",
        SERVING,
        serving.markdown(),
        "## Evaluation, commands\n",
        plain_table("commands", ("seconds", "cpu_seconds", "peak_gib", "bar", "commit")),
    ]
    _into_readme(quality.scores(quality.tables()[0], ("ndcg@10", "recall_capped@20", "hit@10")))
    TARGET.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Retrieval at a million items, one thread: recall against exact, speed, build, filters, appends.

    OMP_NUM_THREADS=1 python -m benchmarks.retrieval [--items 1000000] [--only hard] [--rounds 5]

Two sets of 64 numbers an item. "clustered": 20,000 tight clusters of equal lengths, queries near
items. "hard": what trained two-tower vectors look like; queries are means of five items' vectors.
The index is chosen with 1,000 queries that are not among the 2,000 of the figures. "raw" is FAISS
called directly with the same parameters, alternating with ours call by call. Cases already in
results/retrieval.jsonl are not repeated.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.record import append, done, rows
from reccore.data.interactions import Floats, Histories
from reccore.data.seeds import rng
from reccore.retrieve import store
from reccore.retrieve.choose import RetrieveSettings, choose
from reccore.retrieve.hnsw import Hnsw
from reccore.retrieve.index import Index
from reccore.retrieve.ivf import Ivf
from reccore.retrieve.recall import recall
from reccore.retrieve.structure import faiss

NAME = "retrieval"
DIM, K, BATCH = 64, 10, 256
ASKED, CHOOSING = 2000, 1000
TARGETS = {"clustered": 0.99, "hard": 0.95}
BLOCK = 100_000


def clustered_vectors(count: int, dim: int, seed: int) -> Floats:
    """Unit vectors about 50 to a cluster, centres far apart."""
    draw = rng(seed, "clustered")
    centres = draw.standard_normal((max(1, count // 50), dim), dtype=np.float32)
    vectors = centres[draw.integers(0, len(centres), count)]
    vectors += 0.3 * draw.standard_normal(vectors.shape, dtype=np.float32)
    return _unit(vectors)


def clustered_queries(vectors: Floats, count: int, seed: int) -> Floats:
    draw = rng(seed, "clustered-queries")
    near = vectors[draw.integers(0, len(vectors), count)]
    noise = draw.standard_normal(near.shape, dtype=np.float32)
    found: Floats = near + np.float32(0.2 / near.shape[1] ** 0.5) * noise
    return found


def hard_vectors(count: int, dim: int, seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Vectors like a trained two-tower's, and the group each belongs to.

    32 genres hold some sqrt(count) / 2 groups of Zipf sizes, in 24 latent directions whose spectrum
    falls as 1/sqrt(rank); items spread within groups as wide as groups within genres, so that
    clusters run into one another. Noise in all directions is 20% of the length. Lengths are
    log-normal (sigma 0.35: popular items have long vectors), so the answers to most queries are
    among the longest 5%.
    """
    draw = rng(seed, "hard")
    latent, groups = min(dim, 24), max(8, int(count**0.5) // 2)
    spectrum = np.arange(1, latent + 1) ** -0.5
    genres = draw.standard_normal((32, latent)) * spectrum
    centres = genres[draw.integers(0, 32, groups)]
    centres = centres + 0.7 * draw.standard_normal((groups, latent)) * spectrum
    share = 1 / np.arange(1, groups + 1) ** 0.8
    group = draw.choice(groups, count, p=share / share.sum())
    basis = np.linalg.qr(draw.standard_normal((dim, dim)))[0][:latent]
    vectors = np.empty((count, dim), np.float32)
    for start in range(0, count, BLOCK):
        rows = slice(start, min(start + BLOCK, count))
        of = group[rows]
        points = centres[of] + 0.6 * draw.standard_normal((len(of), latent)) * spectrum
        part = _unit(points @ basis)
        part = _unit(part + 0.2 / dim**0.5 * draw.standard_normal(part.shape))
        vectors[rows] = part * draw.lognormal(0, 0.35, (len(of), 1))
    return vectors, group


def hard_queries(vectors: Floats, group: npt.NDArray[np.int64], count: int, seed: int) -> Floats:
    """Users: the mean of three items of one group and two of another, groups by their size."""
    draw = rng(seed, "hard-queries")
    by_group = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[by_group], np.arange(int(group.max()) + 2))
    tastes = group[draw.integers(0, len(group), (count, 2))]
    places = np.repeat(tastes, (3, 2), axis=1)  # [count, 5] groups
    low, high = starts[places], starts[places + 1]
    items = by_group[low + (draw.random(places.shape) * (high - low)).astype(np.int64)]
    means: Floats = vectors[items].mean(axis=1)
    return means


def _unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[Any]:
    units: npt.NDArray[Any] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units


def world(name: str, items: int) -> tuple[Floats, Floats, Floats]:
    """Vectors, the queries to choose by, the queries of the figures."""
    if name == "clustered":
        vectors = clustered_vectors(items, DIM, 0)
        few, many = (clustered_queries(vectors, n, n) for n in (CHOOSING, ASKED))
        return vectors, few, many
    vectors, group = hard_vectors(items, DIM, 0)
    few, many = (hard_queries(vectors, group, n, n) for n in (CHOOSING, ASKED))
    return vectors, few, many


def seconds(search: Callable[[Floats], Any], queries: Floats, batch: int) -> float:
    search(queries[:batch])
    began = time.perf_counter()
    for start in range(0, len(queries), batch):
        search(queries[start : start + batch])
    return time.perf_counter() - began


def best_qps(search: Callable[[Floats], Any], queries: Floats, batch: int, rounds: int) -> float:
    return round(len(queries) / min(seconds(search, queries, batch) for _ in range(rounds)), 1)


class Set:
    """One set of vectors with everything measured on it."""

    def __init__(self, name: str, items: int, rounds: int) -> None:
        self.name, self.rounds = name, rounds
        self.vectors, self.choosing, self.queries = world(name, items)
        self.flat = Index.flat(self.vectors)
        self.truth = self.flat.search(self.queries, K)[0]
        began = time.perf_counter()
        settings = RetrieveSettings(recall=TARGETS[name], sample=CHOOSING)
        self.index, self.report = choose(self.vectors, settings, 0, self.choosing)
        self.chosen_seconds = time.perf_counter() - began

    def exact(self) -> dict[str, Any]:
        library = faiss()
        raw = library.IndexFlatIP(DIM)
        raw.add(self.vectors)
        few = self.queries[:BATCH]
        return {
            "qps_batch": best_qps(lambda q: self.flat.search(q, K), few, BATCH, 2),
            "qps_single": best_qps(lambda q: self.flat.search(q, K), few[:32], 1, 2),
            "faiss_qps_batch": best_qps(lambda q: raw.search(q, K), few, BATCH, 2),
            "faiss_qps_single": best_qps(lambda q: raw.search(q, K), few[:32], 1, 2),
        }

    def chosen(self) -> dict[str, Any]:
        found = self.index.search(self.queries, K)[0]
        return {
            "kind": self.index.kind,
            "parameters": self.index.parameters,
            "target": TARGETS[self.name],
            "recall@10": round(recall(found, self.truth), 4),
            "recall_reported": round(self.report.chosen.recall, 4),
            "qps_batch": best_qps(self._ours, self.queries, BATCH, self.rounds),
            "qps_single": best_qps(self._ours, self.queries, 1, self.rounds),
            "build_seconds": round(self.report.build_seconds, 1),
            "choose_seconds": round(self.chosen_seconds, 1),
            "bytes": self.index.bytes,
            "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        }

    def _ours(self, queries: Floats) -> Any:
        return self.index.search(queries, K)

    def overhead(self, batch: int) -> dict[str, Any]:
        """Alternating call by call, so that a busy machine and the cache trouble both alike."""
        assert self.index.structure is not None
        raw = self.index.structure.raw
        spent: dict[bool, list[float]] = {True: [], False: []}
        for number in range(self.rounds):
            for start in range(0, len(self.queries), batch):
                block = self.queries[start : start + batch]
                first = (start // batch + number) % 2 == 0
                for mine in (first, not first):
                    began = time.perf_counter()
                    _ = self.index.search(block, K) if mine else raw.search(block, K)
                    spent[mine].append(time.perf_counter() - began)
        ours, theirs = (float(np.median(spent[mine])) for mine in (True, False))
        return {
            "batch": batch,
            "ours_ms": round(1e3 * ours, 4),
            "raw_ms": round(1e3 * theirs, 4),
            "ratio": round(ours / theirs, 3),
        }

    def filters(self) -> dict[str, Any]:
        """Recall and speed under filters; "full" is the share of answers that hold k items."""
        few = self.queries[: 2 * BATCH]
        draw = rng(0, "filters")
        figures: dict[str, Any] = {}
        best = self.flat.search(few, 50)[0]
        kept: dict[str, dict[str, Any]] = {
            f"allowed {share}": {"allowed": draw.random(len(self.vectors)) < share}
            for share in (0.9, 0.5, 0.1, 0.01)
        }
        kept["seen 50 best"] = {"exclude": Histories.of_lists(list(best))}
        for what, filters in kept.items():
            truth = self.flat.search(few, K, **filters)[0]
            found = self.index.search(few, K, **filters)[0]
            figures[what] = {
                "recall@10": round(recall(found, truth), 4),
                "full": float((found >= 0).all(axis=1).mean()),
                "qps_batch": self._filtered_qps(few, BATCH, filters),
                "qps_single": self._filtered_qps(few[:64], 1, filters),
            }
        return figures

    def _filtered_qps(self, queries: Floats, batch: int, filters: dict[str, Any]) -> float:
        began = time.perf_counter()
        for start in range(0, len(queries), batch):
            rows, part = np.arange(start, min(start + batch, len(queries))), dict(filters)
            if "exclude" in part:
                part["exclude"] = part["exclude"].take(rows)
            self.index.search(queries[rows], K, **part)
        return round(len(queries) / (time.perf_counter() - began), 1)

    def stored(self) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as name:
            folder, figures = Path(name), {}
            began = time.perf_counter()

            def lap(what: str) -> None:
                nonlocal began
                figures[what] = round(time.perf_counter() - began, 3)
                began = time.perf_counter()

            record = store.write(folder, self.index)
            lap("write_seconds")
            store.load(folder, record)
            lap("load_seconds")
            new = 10 * self.queries[:1000]  # nobody's best item is another
            began = time.perf_counter()
            after = store.append(folder, record, new)
            lap("append_seconds")
            index = store.load(folder, after)
            lap("load_after_append_seconds")
            found = index.search(self.queries[:1000], 1)[0][:, 0]
            visible = bool((found >= len(self.vectors)).all())
            figures |= {"visible": visible, "bytes": after.bytes}
            figures["qps_batch_with_added"] = best_qps(
                lambda q: index.search(q, K), self.queries, BATCH, 2
            )
            return figures

    def faiss_ivf(self) -> dict[str, Any]:
        """FAISS's own IVF by inner product: cells chosen by inner product too."""
        library = faiss()
        lists = self.index.parameters.get("lists", 4096)
        began = time.perf_counter()
        coarse = library.IndexFlatIP(DIM)
        raw = library.IndexIVFFlat(coarse, DIM, lists, library.METRIC_INNER_PRODUCT)
        raw.cp.max_points_per_centroid, raw.cp.niter = 40, 8
        raw.train(self.vectors)
        raw.add(self.vectors)
        figures: dict[str, Any] = {"build_seconds": round(time.perf_counter() - began, 1)}

        def probe(probes: int) -> None:
            raw.nprobe = probes

        return figures | {"lists": lists, "probes": self._curve(raw, probe)}

    def curve(self) -> dict[str, Any]:
        """Recall and speed of our lists at other numbers of visits."""
        began = time.perf_counter()
        lists = self.index.parameters.get("lists", 4096)
        ivf = Ivf.build(self.vectors, lists, 1, 0)
        figures: dict[str, Any] = {"build_seconds": round(time.perf_counter() - began, 1)}
        return figures | {"lists": lists, "probes": self._curve(ivf.raw, ivf.probe)}

    def means(self) -> dict[str, Any]:
        """Our cells with means for signposts: what the longest vector's length is worth."""
        library = faiss()
        raw = self.index.structure.raw if isinstance(self.index.structure, Ivf) else None
        if raw is None:
            return {}
        lists = raw.nlist
        means = np.zeros((lists, DIM), np.float32)
        for number in range(lists):
            size = raw.invlists.list_size(number)
            ids = library.rev_swig_ptr(raw.invlists.get_ids(number), size)
            means[number] = self.vectors[ids].mean(axis=0) if size else 0
        coarse = library.IndexFlatIP(DIM)
        coarse.add(means)
        kept, raw.quantizer = raw.quantizer, coarse

        def probe(probes: int) -> None:
            raw.nprobe = probes

        figures = self._curve(raw, probe)
        raw.quantizer, raw.nprobe = kept, self.index.parameters["probes"]
        return {"lists": lists, "probes": figures}

    def hnsw(self, m: int) -> dict[str, Any]:
        began = time.perf_counter()
        graph = Hnsw.build(self.vectors, m, 16)
        figures: dict[str, Any] = {"build_seconds": round(time.perf_counter() - began, 1)}
        return figures | {"ef": self._curve(graph.raw, graph.widen, (16, 32, 64, 128, 256))}

    def _curve(
        self, raw: Any, turn: Callable[[int], None], efforts: tuple[int, ...] = (2, 8, 32, 64, 128)
    ) -> dict[int, dict[str, float]]:
        figures = {}
        for effort in efforts:
            turn(effort)
            found = raw.search(self.queries, K)[1]
            qps = best_qps(lambda q: raw.search(q, K), self.queries, BATCH, 2)
            figures[effort] = {"recall@10": round(recall(found, self.truth), 4), "qps": qps}
        return figures


CASES: dict[str, Callable[[Set], dict[str, Any]]] = {
    "exact": Set.exact,
    "chosen": Set.chosen,
    "overhead-256": lambda of: of.overhead(BATCH),
    "overhead-1": lambda of: of.overhead(1),
    "filters": Set.filters,
    "store": Set.stored,
    "curve": Set.curve,
    "tried-faiss-ivf": Set.faiss_ivf,
    "tried-means": Set.means,
    "tried-hnsw-16": lambda of: of.hnsw(16),
}


def markdown() -> str:
    """The table of RESULTS.md."""
    measured = {row["key"]: row for row in rows(NAME)}
    lines = [
        "| set | index | recall@10 | queries a second: batch / single | exact: batch / single "
        "| FAISS flat: batch / single | ours over raw FAISS: batch / single | build, s "
        "| append 1,000, s |",
        "|---" * 9 + "|",
    ]
    for name in TARGETS:
        parts = {
            case: measured.get(f"{name}/1000000/{case}")
            for case in ("chosen", "exact", "overhead-256", "overhead-1", "store")
        }
        if any(part is None for part in parts.values()):
            continue
        chosen, exact, many, one, kept = (part or {} for part in parts.values())
        cells = [
            name,
            f"{chosen['kind']} {chosen['parameters']}",
            f"{chosen['recall@10']:.4f} (target {chosen['target']})",
            f"{chosen['qps_batch']:,.0f} / {chosen['qps_single']:,.0f}",
            f"{exact['qps_batch']:,.0f} / {exact['qps_single']:,.0f}",
            f"{exact['faiss_qps_batch']:,.0f} / {exact['faiss_qps_single']:,.0f}",
            f"{many['ratio']:.3f}x / {one['ratio']:.3f}x",
            f"{chosen['build_seconds']:.0f}",
            f"{kept['append_seconds']:.3f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--only", choices=TARGETS)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1: the figures are of one thread")
    faiss().omp_set_num_threads(1)
    for name in [args.only] if args.only else TARGETS:
        here: Set | None = None
        for case, measure in CASES.items():
            key = f"{name}/{args.items}/{case}"
            if done(NAME, key):
                continue
            here = here or Set(name, args.items, args.rounds)
            figures = measure(here)
            append(NAME, key, threads=1, **figures)
            print(f"{key}: {figures}", flush=True)


if __name__ == "__main__":
    main()

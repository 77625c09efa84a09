"""From a run to a bundle, and a bundle where a run was: evaluate it, ask it for many users."""

import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from cinesync.runs import Part, Prepared, Progress, Run, as_rows, load_run, prepare_again
from cinesync.settings import DataSettings
from reccore.bundle import card
from reccore.bundle.answer import Answer
from reccore.bundle.bundle import Bundle
from reccore.bundle.golden import APART, check_golden, golden_requests, write_golden
from reccore.bundle.indexing import build
from reccore.bundle.manifest import Manifest
from reccore.bundle.quantise import Quantise, shrink_folder
from reccore.bundle.served import Served
from reccore.bundle.write import PARITY, USERS, Exported, People, fresh, made, seal, write_parts
from reccore.config import validate
from reccore.data.ids import Codes, ExternalId
from reccore.data.interactions import Histories
from reccore.data.split import SplitSettings
from reccore.data.temporal import asked_at
from reccore.errors import UserError
from reccore.files import staged
from reccore.metrics.evaluate import Catalogue, EvaluateSettings, Evaluation, evaluate
from reccore.metrics.topk import recommend, users_per_block
from reccore.recommender import UserBatch
from reccore.retrieve.choose import RetrieveSettings

CHECKED = 64  # users whose scores are compared
MOST_LOST = 0.005  # of ndcg@10, for a quantised bundle to be blessed
SLOWER = 1.1  # times the latency, likewise
TIMED = 200  # users


def export(
    run: Run,
    out: Path,
    *,
    users: bool = True,
    diversity: float = 0.0,
    quantise: Quantise | None = None,
    index: RetrieveSettings | None = None,
) -> Exported:
    """Write `out`, whole or not at all; refuse one that answers unlike the model.

    Quantised, it may differ: what that costs is measured, and decides whether it is blessed.
    """
    if not 0 <= diversity <= 1:
        raise UserError(f"diversity is {diversity}", "choose between 0 and 1")
    fresh(out)
    prepared, parts = run.prepared, run.model.export()
    if parts.users and not parts.from_history and not users:
        raise UserError(
            f"{run.settings.entry.name} answers only its own users: without them, nobody",
            "export it with its users, or use a model that reads histories",
        )
    learned = prepared.training(run.manifest["fitted_on"] == "train+validation")
    popularity = Catalogue.of(learned).popularity.astype(np.float32)
    people = People(run.dataset.users, run.histories) if users else None
    facts = _facts(run, diversity)
    with staged(out) as folder:
        write_parts(folder, parts, run.dataset.items, popularity, people)
        whole = Bundle(folder, seal(folder, parts, facts))
        parity = difference(run, whole)
        if not parity <= PARITY:
            raise UserError(
                f"the bundle's scores differ from the model's by {parity:.2g} of the largest",
                f"at most {PARITY:g} is allowed: please report this",
            )
        if quantise is not None:
            shrunk_parts = ["items", "other", *([USERS] if users else [])]
            size = learned_bytes(whole.manifest)
            left = shrink_folder(folder, shrunk_parts, quantise)
            small = Bundle(folder, seal(folder, parts, facts))
            cost = what_it_costs(run, whole, small, size)
            cost |= {"kind": quantise, "graphs_left": left}
            facts |= {"quantised": cost, "blessed": cost["blessed"]}
        ready = Bundle(folder, seal(folder, parts, facts))
        facts["index"] = build(ready, index or RetrieveSettings())
        if diversity > 0 or quantise is not None:  # the figures are those of what is served
            ready = Bundle(folder, seal(folder, parts, facts))
            test, how = prepared.split.test, run.settings.evaluate
            found = evaluate(Served(ready, depth=max(how.k)), test, Catalogue.of(learned), how)
            facts["evaluation"] = {"part": "test", **found.to_json()}
        card.write(folder, facts)
        when = None if whole.scorer.temporal == "off" else latest(run)
        requests = golden_requests(run.dataset.items, popularity, people, when)
        write_golden(folder, Bundle(folder, seal(folder, parts, facts)), requests)
        manifest = seal(folder, parts, facts)
        check_golden(Bundle.open(folder))
    return Exported(out, parity, manifest)


def learned_bytes(manifest: Manifest) -> int:
    """Bytes of what was learned: not of ids, titles and what people have met."""
    return sum(
        int(facts["bytes"])
        for name, facts in manifest.files.items()
        if name.endswith((".npy", ".onnx")) and "/" in name and "/seen." not in name
    )


def what_it_costs(run: Run, whole: Bundle, small: Bundle, size: int) -> dict[str, Any]:
    """Size, latency of one user, and ndcg@10 on held-out rows, before and after."""
    fitted = run.manifest["fitted_on"] == "train+validation"
    part: Part = "test" if fitted or run.prepared.split.validation is None else "validation"
    held, catalogue = run.prepared.part(part), Catalogue.of(run.prepared.training(fitted))
    how = run.settings.evaluate.model_copy(update={"k": (10,), "bootstrap": 0})
    ndcg = [
        evaluate(Served(bundle), held, catalogue, how).values()["ndcg@10"]
        for bundle in (whole, small)
    ]
    before, after = latencies(whole, small, run)
    lost = 1 - ndcg[1] / ndcg[0] if ndcg[0] else 0.0
    return {
        "size": {"before": size, "after": learned_bytes(small.manifest)},
        "milliseconds": {"before": before, "after": after},
        "ndcg@10": {"before": ndcg[0], "after": ndcg[1], "part": part},
        "blessed": bool(lost <= MOST_LOST and after <= before * SLOWER),
    }


def latencies(first: Bundle, second: Bundle, run: Run) -> tuple[float, float]:
    """Median milliseconds to score one user, the two in turn."""
    codes = np.arange(min(TIMED, len(run.dataset.users)), dtype=np.int32)
    now = asked_at(latest(run), 1)
    batches = [
        UserBatch(codes[at : at + 1], run.histories.take(codes[at : at + 1]), now) for at in codes
    ]
    spent: tuple[list[float], list[float]] = ([], [])
    for batch in batches:
        for bundle, times in zip((first, second), spent, strict=True):
            began = time.perf_counter()
            bundle.scorer.score(batch)
            times.append(1000 * (time.perf_counter() - began))
    return float(np.median(spent[0])), float(np.median(spent[1]))


def difference(run: Run, bundle: Bundle) -> float:
    """Largest difference of scores of model and bundle, as a share of the largest score."""
    known = np.arange(min(CHECKED, len(run.dataset.users)), dtype=np.int32)
    if bundle.users is None:
        known = np.full(len(known), -1, dtype=np.int32)
    batches = [UserBatch(known, run.histories.take(np.arange(len(known))))]
    strangers = np.full(2, -1, dtype=np.int32)
    some = np.arange(min(3, len(run.dataset.items)), dtype=np.int32)
    batches.append(UserBatch(strangers, Histories.of_lists([some, some[:0]])))
    if bundle.scorer.temporal != "off":
        batches += [_timed(batch, latest(run)) for batch in batches]
    worst = 0.0
    for batch in batches:
        theirs, ours = run.model.score(batch), bundle.scorer.score(batch)
        size = max(float(np.abs(theirs).max()), 1e-9)
        worst = max(worst, float(np.abs(theirs - ours).max()) / size)
    return worst


def latest(run: Run) -> int:
    """When the last of the data happened that a model may know of; 0: nobody knows."""
    times = run.histories.times
    return 0 if times is None else int(times.max(initial=0))


def _timed(batch: UserBatch, since: int) -> UserBatch:
    """The same with a moment each, and with times where the histories have none."""
    histories = batch.histories
    if histories.times is None:
        place = np.arange(len(histories.items)) - histories.offsets[:-1][histories.row_of]
        histories = replace(histories, times=since + APART * place)
    return replace(batch, histories=histories, now=since + APART * histories.lengths)


def _facts(run: Run, diversity: float) -> dict[str, Any]:
    known = run.manifest
    copied = ("model", "seed", "data", "data_licence", "data_fingerprint", "fitted_on", "split")
    return {
        "product": "cinesync",
        **{name: known[name] for name in copied},
        "config": run.settings.tree(),
        "evaluation": known.get("evaluation"),
        **made(known, Path(__file__).parent),
        "served": {"diversity": diversity},
        "quantised": None,
        "blessed": True,
    }


@dataclass(frozen=True)
class Ground:
    """What a bundle's figures stand on."""

    data: DataSettings
    split: SplitSettings
    evaluate: EvaluateSettings


class BundleRun:
    """A bundle where a command takes a run: evaluated on the data it names, asked for users."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bundle = Bundle.open(path)
        self.manifest = self.bundle.manifest.facts
        if self.manifest.get("product") != "cinesync":
            raise UserError(f"{path} is a bundle of {self.manifest.get('product')}, not cinesync")

    @cached_property
    def settings(self) -> Ground:
        """How it was measured; needs neither the model's settings nor its library."""
        tree, source = self.manifest["config"], str(self.path / "manifest.json")
        return Ground(
            validate(DataSettings, tree["data"], source),
            validate(SplitSettings, tree["split"], source),
            validate(EvaluateSettings, tree["evaluate"], source),
        )

    @cached_property
    def prepared(self) -> Prepared:
        """The data of the manifest, loaded again and checked to be the same."""
        return prepare_again(
            self.path, self.settings.data, self.settings.split, self.manifest["data_fingerprint"]
        )

    def evaluate(
        self,
        part: Part = "test",
        settings: EvaluateSettings | None = None,
        progress: Progress | None = None,
    ) -> Evaluation:
        """As served: with the re-ranker and the diversity that are part of the bundle."""
        fitted = self.manifest["fitted_on"] == "train+validation"
        if part == "validation" and fitted:
            raise UserError(f"{self.path} has learned from its validation rows")
        training = self.prepared.training(fitted)
        users = self.bundle.users
        ids = self.prepared.dataset.users.ids.ids  # of everyone; some may have been forgotten
        codes = np.full(len(ids), -1, np.int32) if users is None else users.ids.encode(ids)
        how = settings or self.settings.evaluate
        items = len(self.prepared.dataset.items)  # those added since are in no test row
        return evaluate(
            Served(self.bundle, codes, items, max(how.k)),
            self.prepared.part(part),
            Catalogue.of(training),
            how,
            progress,
        )

    def recommend_codes(
        self, codes: Codes, k: int, progress: Progress | None = None, now: int | None = None
    ) -> pl.DataFrame:
        """Known users by code, scored block by block: columns user, item, rank, score, title."""
        bundle, how = self.bundle, self.settings.evaluate
        assert bundle.users is not None
        block = users_per_block(len(bundle.items), how.block_bytes, how.block_users)
        batch = UserBatch(codes, bundle.seen.take(codes), asked_at(now, len(codes)))
        served = Served(bundle, depth=k)
        found = recommend(served, batch, min(k, len(bundle.items)), block, None, progress)
        return as_rows(bundle.users.ids.decode(codes), bundle.items, *found)


def as_frame(answer: Answer, user: ExternalId) -> pl.DataFrame:
    rows: dict[str, list[Any]] = {
        "user": [user] * len(answer.items),
        **{
            name: [getattr(item, name) for item in answer.items]
            for name in ("item", "rank", "score", "title")
        },
    }
    frame = pl.DataFrame(rows, schema_overrides={"rank": pl.Int32, "score": pl.Float32})
    return frame.drop("title") if frame["title"].null_count() == frame.height else frame


def is_bundle(path: Path) -> bool:
    """A bundle's manifest lists files; a run's does not."""
    return (path / "manifest.json").exists() and not (path / "config.toml").exists()


def open_any(path: Path) -> "Run | BundleRun":
    """RUN of a command line: a run folder or a bundle."""
    return BundleRun(path) if is_bundle(path) else load_run(path)


__all__ = ["BundleRun", "Exported", "as_frame", "difference", "export", "open_any"]

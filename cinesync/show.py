"""Results on the terminal: tables for people, JSON for programs, progress on stderr."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cinesync.bundles import BundleRun
from cinesync.runs import Part, Run
from cinesync.runs import Progress as Callback
from reccore.bundle.answer import Answer
from reccore.errors import UserError
from reccore.files import write_atomic
from reccore.metrics.compare import Difference
from reccore.metrics.evaluate import EvaluateSettings, Evaluation, Metric
from reccore.show import Plain

LEADING = (
    "ndcg@10",
    "hit@10",
    "recall_capped@20",
    "recall@20",
    "precision@10",
    "coverage@10",
    "diversity@10",
    "rmse",
    "mae",
)


class Show(Plain):
    """What is shown of runs, their figures and their answers."""

    @contextmanager
    def bar(self, what: str) -> Iterator[Callback]:
        """A progress bar on stderr, where stderr is a terminal."""
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        shown = self.progress.is_terminal
        with Progress(*columns, console=self.progress, transient=True, disable=not shown) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def evaluate(self, run: Run | BundleRun, part: Part, settings: EvaluateSettings) -> Evaluation:
        with self.bar(f"evaluating {run.manifest['model']}") as progress:
            return run.evaluate(part, settings, progress)

    def trained(self, run: Run, evaluation: Evaluation) -> None:
        if self.as_json:
            return self.json({"run": str(run.path), **_facts(run), **evaluation.to_json()})
        self.console.print(_ground(run))
        leading = {name: evaluation.summary[name] for name in LEADING if name in evaluation.summary}
        self.console.print(_metrics_table("Test", leading))
        self.console.print(f"run: {run.path}  (report: {run.path / 'report.html'})", soft_wrap=True)

    def evaluations(
        self, results: Sequence[tuple[Run | BundleRun, Evaluation]], part: Part
    ) -> None:
        if self.as_json:
            return self.json(
                [
                    {"run": str(run.path), "part": part, **_facts(run), **evaluation.to_json()}
                    for run, evaluation in results
                ]
            )
        for run, evaluation in results:
            self.console.print(_ground(run))
            self.console.print(_metrics_table(f"{run.path} ({part})", evaluation.summary))

    def differences(
        self, a: Run | BundleRun, b: Run | BundleRun, differences: Mapping[str, Difference]
    ) -> None:
        names = {"a": a.manifest["model"], "b": b.manifest["model"]}
        if self.as_json:
            return self.json(
                {
                    "a": str(a.path),
                    "b": str(b.path),
                    "metrics": {
                        name: {"value": d.value, "low": d.low, "high": d.high, "better": d.better}
                        for name, d in differences.items()
                    },
                }
            )
        table = Table(title=f"a = {a.path}\nb = {b.path}", title_justify="left")
        for column in ("metric", "a - b", "95% interval", "better"):
            table.add_column(column, justify="left" if column in ("metric", "better") else "right")
        for name, d in differences.items():
            winner = "" if d.better is None else f"{d.better} ({names[d.better]})"
            table.add_row(name, f"{d.value:+.4f}", f"{d.low:+.4f} .. {d.high:+.4f}", winner)
        self.console.print(table)

    def answer(self, answer: Answer, frame: pl.DataFrame) -> None:
        """A bundle's answer, with whatever was not as asked."""
        if self.as_json:
            return self.json(answer.to_json())
        self.recommendations(frame)
        for note in answer.degraded:
            self.console.print(f"note: {note}", style="yellow", soft_wrap=True)
        if answer.relevance_kept < 1:
            self.console.print(f"relevance kept: {answer.relevance_kept:.0%}")

    def recommendations(self, answer: pl.DataFrame) -> None:
        if self.as_json:
            return self.json(answer.to_dicts())
        table = Table()
        for column in answer.columns:
            table.add_column(column)
        for row in answer.iter_rows():
            table.add_row(*(f"{v:.4f}" if isinstance(v, float) else str(v) for v in row))
        self.console.print(table)

    def wrote(self, out: Path, answer: pl.DataFrame) -> None:
        if out.suffix != ".parquet":
            raise UserError(f"--out {out} does not end in .parquet")
        write_atomic(out, answer.write_parquet)
        facts = {"out": str(out), "rows": len(answer), "users": answer["user"].n_unique()}
        if self.as_json:
            return self.json(facts)
        self.console.print(f"wrote {facts['rows']} rows for {facts['users']} users to {out}")


def _facts(run: Run | BundleRun) -> dict[str, Any]:
    names = ("model", "seed", "data", "data_fingerprint", "fitted_on", "split", "git_commit")
    return {name: run.manifest[name] for name in names}


def _ground(run: Run | BundleRun) -> str:
    """What a figure stands on, in one line: no number is printed without it."""
    facts, split = run.manifest, run.manifest["split"]
    return (
        f"{facts['model']} on {facts['data']} ({facts['data_fingerprint']}), "
        f"split {split['kind']} seed {split['seed']}, leak rate {split['leak_rate']:g}, "
        f"fitted on {facts['fitted_on']}, seed {facts['seed']}"
    )


def _metrics_table(title: str, summary: Mapping[str, Metric]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("95% interval", justify="right")
    ordered = [name for name in LEADING if name in summary]
    for name in [*ordered, *(name for name in summary if name not in ordered)]:
        m = summary[name]
        interval = "" if m.low is None or m.high is None else f"{m.low:.4f} .. {m.high:.4f}"
        table.add_row(name, f"{m.value:.4f}", interval, style="bold" if name in ordered else None)
    return table

"""From data to a challenger in steps, each done once: what a kill interrupts, a second call ends.

prepare -> train (a seed at a time) -> evaluate -> gate -> export -> register -> challenger

Each step depends on settings and on the outcomes of the steps before it (see `steps`), so a changed
setting repeats what depends on it and nothing else.
"""

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from cinesync import training
from cinesync.bundles import export
from cinesync.gate import Elsewhere, GateSettings, judge, measure_champion, store, stored
from cinesync.runs import Prepared, Run, load_run, prepare
from cinesync.settings import DataSettings, RunSettings, resolve
from cinesync.steps import Ledger, Outcome, Say, Step
from reccore.bundle.bundle import Bundle
from reccore.bundle.manifest import Manifest
from reccore.bundle.registry import Registry, check_name, locked
from reccore.config import Settings, Tree, merge, read_toml, to_tree, validate
from reccore.data.split import SplitSettings
from reccore.errors import InterruptedTrainingError, UserError
from reccore.files import sha256
from reccore.metrics.evaluate import Catalogue, Evaluation, evaluate
from reccore.run import RunFolder
from reccore.track import Silent, Tracker

STATE = "state.json"


class ModelSettings(Settings):
    """What is trained."""

    name: str = Field(description="a model of `cinesync models`")
    preset: str | None = Field(None, description="a shipped configuration of it")
    seeds: tuple[int, ...] = Field(
        (0,),
        min_length=1,
        description="the first one's model is the candidate, chosen before anything is measured; "
        "the others show how far the seed decides",
    )
    changes: dict[str, dict[str, Any]] = Field(
        {}, description="tables model, train, fit and evaluate, as with --set"
    )


class ExportSettings(Settings):
    """As the options of `cinesync export`."""

    users: bool = Field(True, description="keep known users with what they have met")
    diversity: float = Field(0.0, ge=0, le=1, description="relevance traded for variety")


class RegistrySettings(Settings):
    """Where the bundle goes."""

    name: str = Field(description="the model's name in the registry")
    root: str = Field("models", description="the registry's folder, seen from the file")
    alias: Literal["challenger", "none"] = Field("challenger", description="what it becomes")


class PipelineSettings(Settings):
    """One file: relative paths in it start at its folder."""

    data: DataSettings = DataSettings()
    split: SplitSettings = SplitSettings()
    model: ModelSettings
    gate: GateSettings = GateSettings()
    export: ExportSettings = ExportSettings()
    registry: RegistrySettings


@dataclass(frozen=True)
class Finished:
    """A pipeline that came through."""

    name: str
    version: str
    verdict: Outcome
    steps: tuple[Step, ...]


@dataclass
class Pipeline:
    """The steps of one file, under one work folder."""

    file: Path
    settings: PipelineSettings
    runs: tuple[RunSettings, ...]  # one a seed
    work: Path
    ledger: Ledger
    tracker: Tracker = field(default_factory=Silent)

    @classmethod
    def read(cls, file: Path, work: Path | None = None, say: Say = lambda _: None) -> "Pipeline":
        """Everything that can be refused before work begins is refused here."""
        settings = validate(PipelineSettings, read_toml(file), str(file))
        check_name(settings.registry.name)
        runs = tuple(_run_settings(settings, seed, file) for seed in settings.model.seeds)
        if len({run.seed for run in runs}) < len(runs):
            raise UserError(f"model.seeds in {file} repeats a seed", "give each once")
        settings.gate.check(runs[0].evaluate)
        work = work or file.parent / f"{file.stem}.pipeline"
        return cls(file, settings, runs, work, Ledger(work / STATE, say))

    def run(self) -> Finished:
        """Do the steps that are not done; refuse a second process in the same work folder."""
        with locked(self.work / ".lock", str(self.work), patience=0):
            try:
                return self._run()
            except InterruptedTrainingError:
                again = f"cinesync pipeline {self.file}"
                raise InterruptedTrainingError(
                    f"interrupted and saved; go on with: {again}"
                ) from None

    def _run(self) -> Finished:
        data = self._prepare()
        trained = [self._train(run, data) for run in self.runs]
        evaluated = self._evaluate(trained, data)
        verdict = self._gate(evaluated)
        bundle = self._export(self.runs[0], trained[0])
        registered = self._register(bundle)
        if self.settings.registry.alias != "none":
            self._challenge(registered)
        name, version = self.settings.registry.name, str(registered["version"])
        return Finished(name, version, verdict, tuple(self.ledger.steps))

    def _prepare(self) -> Outcome:
        first = self.runs[0]
        files = [Path(path) for path in (first.data.path, first.data.items) if path]
        needs = {
            "data": to_tree(first.data),
            "split": to_tree(first.split),
            "files": [_stamp(path) for path in files],
        }

        def do() -> Outcome:
            prepared = self.__dict__["prepared"] = prepare(first.data, first.split)
            rows = asdict(prepared.split.report())
            return {"fingerprint": prepared.dataset.interactions.fingerprint, "split": rows}

        return self.ledger.step("prepare", needs, do)

    @cached_property
    def prepared(self) -> Prepared:
        """The data again, for a call that found it prepared; it must be the same."""
        first = self.runs[0]
        prepared = prepare(first.data, first.split)
        found = prepared.dataset.interactions.fingerprint
        recorded = self.ledger.outcome("prepare")
        expected = None if recorded is None else recorded["fingerprint"]
        if found != expected:
            self.ledger.forget("prepare")
            raise UserError(
                f"the data has changed since {self.work} began (fingerprint {found}, "
                f"then {expected})",
                "call the pipeline again: it starts from the new data",
            )
        return prepared

    def _train(self, settings: RunSettings, data: Outcome) -> Outcome:
        folder = self.work / "runs" / f"s{settings.seed}"
        needs = {"settings": settings.tree(), "data": data["fingerprint"]}

        def do() -> Outcome:
            found = _left(folder, settings, data["fingerprint"])
            if found == "nothing":
                shutil.rmtree(folder, ignore_errors=True)
                training.train(settings, out=folder, tracker=self.tracker, prepared=self.prepared)
            elif found == "interrupted":
                self.ledger.say("an interrupted training goes on")
                training.resume(folder, changes=lambda known: known, tracker=self.tracker)
            return {"run": sha256(folder / "manifest.json")}

        def still(outcome: Outcome) -> bool:
            path = folder / "manifest.json"
            whole = (folder / "weights.safetensors").exists() and path.exists()
            return whole and sha256(path) == str(outcome["run"])

        return self.ledger.step(f"train-s{settings.seed}", needs, do, still)

    def _run_of(self, settings: RunSettings) -> Run:
        run = load_run(self.work / "runs" / f"s{settings.seed}")
        run.__dict__["prepared"] = self.prepared  # in memory: no second load
        return run

    def _evaluate(self, trained: list[Outcome], data: Outcome) -> Outcome:
        share = self.settings.export.diversity
        needs = {"trained": trained, "data": data, "diversity": share}
        if share > 0:  # what is served is measured: the bundle, not the run
            needs["users"] = self.settings.export.users
            for run, outcome in zip(self.runs, trained, strict=True):
                self._export(run, outcome)
        path = self.work / "evaluation.npz"

        def do() -> Outcome:
            found = [self._measure(run) for run in self.runs]
            store(path, found[0])
            values = {
                str(run.seed): one.values() for run, one in zip(self.runs, found, strict=True)
            }
            return {"values": values, "users": len(found[0].users), "sha256": sha256(path)}

        def still(outcome: Outcome) -> bool:
            return path.exists() and sha256(path) == outcome["sha256"]

        return self.ledger.step("evaluate", needs, do, still)

    def _measure(self, settings: RunSettings) -> Evaluation:
        """As it will be served; intervals are in the run already."""
        run, how = self._run_of(settings), settings.evaluate.model_copy(update={"bootstrap": 0})
        if self.settings.export.diversity == 0:
            return run.evaluate("test", how)
        served = Elsewhere(Bundle.open(self._bundle(settings)), self.prepared.dataset)
        return evaluate(served, self.prepared.split.test, self._catalogue(run), how)

    def _catalogue(self, run: Run) -> Catalogue:
        every = run.manifest["fitted_on"] == "train+validation"
        return Catalogue.of(self.prepared.training(every))

    def _gate(self, evaluated: Outcome) -> Outcome:
        gate, registry, name = self.settings.gate, self.registry, self.settings.registry.name
        version = registry.aliases(name).get("champion")
        folder = None if version is None else registry.resolve(name, version)
        against = None if folder is None else sha256(folder / "manifest.json")
        known = self.ledger.outcome("gate")
        if folder is not None and known is not None and self._is_ours(folder):
            against = known["against"]  # what we made won: it need not beat itself
        needs = {"evaluated": evaluated, "gate": to_tree(gate), "against": against}

        def do() -> Outcome:
            champion = None
            if folder is not None and version is not None:
                run = self._run_of(self.runs[0])
                every = run.manifest["fitted_on"] == "train+validation"
                learned, how = self.prepared.training(every), self.runs[0].evaluate
                champion = measure_champion(version, folder, self.prepared, learned, how)
            values = {}
            for seed, found in evaluated["values"].items():
                if gate.metric not in found:
                    raise UserError(
                        f"{self.settings.model.name} has no {gate.metric} on this data",
                        "choose another gate.metric; known: " + ", ".join(found),
                    )
                values[seed] = found[gate.metric]
            candidate = stored(self.work / "evaluation.npz")
            return {**asdict(judge(gate, values, candidate, champion)), "against": against}

        return self.ledger.step("gate", needs, do)

    def _is_ours(self, folder: Path) -> bool:
        """Whether a registered bundle is the one this pipeline exported."""
        try:
            ours = Manifest.read(self._bundle(self.runs[0]))
        except UserError:
            return False
        return Manifest.read(folder).facts == ours.facts

    def _bundle(self, settings: RunSettings) -> Path:
        return self.work / "bundles" / f"s{settings.seed}"

    def _export(self, settings: RunSettings, trained: Outcome) -> Outcome:
        out, how = self._bundle(settings), self.settings.export
        needs = {"trained": trained, "export": to_tree(how)}

        def do() -> Outcome:
            shutil.rmtree(out, ignore_errors=True)
            run = self._run_of(settings)
            done = export(run, out, users=how.users, diversity=how.diversity)
            return {"bundle": sha256(out / "manifest.json"), "parity": done.parity}

        def still(outcome: Outcome) -> bool:
            path = out / "manifest.json"
            return path.exists() and sha256(path) == outcome["bundle"]

        first = settings.seed == self.runs[0].seed
        return self.ledger.step("export" if first else f"export-s{settings.seed}", needs, do, still)

    @cached_property
    def registry(self) -> Registry:
        return Registry("cinesync", self.file.parent / self.settings.registry.root)

    def _register(self, bundle: Outcome) -> Outcome:
        registry, name = self.registry, self.settings.registry.name
        folder = self._bundle(self.runs[0])
        needs = {"bundle": bundle["bundle"], "root": str(registry.root.resolve()), "name": name}

        def do() -> Outcome:  # a kill may have come after it was added and before that was noted
            version = registry.holding(name, folder) or registry.add(folder, name)
            return {"version": version, "at": time.time_ns()}

        def still(outcome: Outcome) -> bool:
            return registry.holding(name, folder) == str(outcome["version"])

        return self.ledger.step("register", needs, do, still)

    def _challenge(self, registered: Outcome) -> None:
        registry, name = self.registry, self.settings.registry.name

        def do() -> Outcome:
            return {"aliases": registry.challenge(name, registered["version"])}

        self.ledger.step("challenger", {"registered": registered}, do)


def _run_settings(settings: PipelineSettings, seed: int, file: Path) -> RunSettings:
    """As `cinesync train` would resolve them. The split is the same whatever the seed."""
    model = settings.model
    for section in model.changes:
        if section in ("data", "split"):
            raise UserError(f"model.changes.{section} in {file}", f"put it in [{section}]")
    data: Tree = json.loads(settings.data.model_dump_json(exclude_unset=True))
    for key in ("path", "items"):
        if data.get(key) is not None:
            data[key] = str((file.parent / data[key]).resolve())
    split = {"seed": 0, **json.loads(settings.split.model_dump_json(exclude_unset=True))}
    changes = merge(model.changes, {"data": data, "split": split})
    return resolve(model.name, seed=seed, preset=model.preset, changes=changes)


def _left(
    folder: Path, settings: RunSettings, fingerprint: str
) -> Literal["whole", "interrupted", "nothing"]:
    """What an earlier call left of a training with these settings, on this data."""
    try:
        run = RunFolder.open(folder)
        same = run.config == settings.tree() and run.manifest["data_fingerprint"] == fingerprint
    except (UserError, KeyError):
        return "nothing"
    if same and run.manifest.get("status") == "complete":
        return "whole"
    return "interrupted" if same and (folder / "trainer.pt").exists() else "nothing"


def _stamp(path: Path) -> list[Any]:
    """What shows that a file, or any in a folder, was changed."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    stats = [(file, file.stat()) for file in files if file.exists()]
    return [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in stats]

"""Training and scoring the rows of a study, one after another; what is done is never done again.

    DIR/
      models/RECIPE/seed-S/     a model directory each, or a training run that continues where it stopped
      results/RECIPE/seed-S.json
      tables.md, results.csv, figure-*.png

A result belongs to a budget and to the clips trained and tested on; another budget wants another folder. Two processes
may work in one folder on different seeds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.data.manifest import read_manifest
from earmark.data.records import Manifest
from earmark.decisions import decide_all
from earmark.decisions.tuning import tune_detection
from earmark.errors import ConfigError, DataError
from earmark.evaluation.labelled import ScoredClips, evaluate_scored, score_clips
from earmark.evaluation.report import read_log
from earmark.events import Event
from earmark.files import write_text
from earmark.metrics.segment import segment_metrics
from earmark.models.directory import open_tagger
from earmark.recipes import Recipe, load_recipe
from earmark.reporter import Reporter
from earmark.runtime.tagger import Tagger
from earmark.studies.study import Budget, Study
from earmark.training.options import FuseOptions
from earmark.training.request import Request, is_finished
from earmark.training.run import Run

if TYPE_CHECKING:
    from earmark.training.loop import Machine

PAPER_CLIPS = 51_172  # of the DCASE2017 training list, for which the queue's step was chosen
_OBJECTIVE = "segment-f1-micro"
_KEPT = {
    "tagging": ("map", "mauc", "dprime", "micro_f1", "macro_f1", "precision", "recall", "clips"),
    "segment": ("f1", "precision", "recall", "error_rate"),
    "event": ("f1", "error_rate"),
}


@dataclass(frozen=True)
class Material:
    """What is trained on, and what is tested on: parts by name."""

    train: Manifest
    tests: dict[str, Manifest]


@dataclass(frozen=True)
class Outcome:
    """A row's figures, as they lie on disk: `parts` by test part, section and key."""

    recipe: str
    seed: int
    budget: str
    parts: dict[str, dict[str, dict[str, float | None]]]
    clips: int  # trained on
    seconds: float  # of training, members' included

    def figure(self, part: str, section: str, key: str) -> float | None:
        """One figure; None where it is undefined or was not taken."""
        return self.parts.get(part, {}).get(section, {}).get(key)


def read_material(
    study: Study, data: Path, audio: Path | None = None, test: Path | None = None, test_audio: Path | None = None
) -> Material:
    """The clips of a study: `test` beside `data`, or the parts that the data set itself has. `DataError` without."""
    whole = read_manifest(data, audio=audio)
    if test is not None:
        return Material(whole, {test.name or str(test): read_manifest(test, audio=test_audio, labels=whole.labels)})
    tests = {
        part: whole.with_clips(clip for clip in whole.clips if clip.split == part)
        for part in study.parts
        if any(clip.split == part for clip in whole.clips)
    }
    train = whole.with_clips(clip for clip in whole.clips if clip.split not in study.parts)
    if not tests or not len(train):
        raise DataError(
            f"{data}: has no part to test on (no clip whose split is {' or '.join(study.parts)}); name one with --test"
        )
    return Material(train, tests)


@dataclass(frozen=True)
class Reproduction:
    """A study on a material, in a folder."""

    study: Study
    material: Material
    budget: Budget
    folder: Path
    machine: Machine

    def model(self, name: str, seed: int) -> Path:
        """Where the model of a recipe lies."""
        return self.folder / "models" / name / f"seed-{seed}"

    def result(self, name: str, seed: int) -> Path:
        """Where the figures of a recipe lie."""
        return self.folder / "results" / name / f"seed-{seed}.json"

    def recipe(self, name: str) -> Recipe:
        """A recipe at this budget."""
        plain = load_recipe(name)
        if plain.members:
            return plain
        recipe = load_recipe(name, self.budget.changes)
        training = recipe.training.lasting(self.budget.epochs, self.budget.steps)
        if self.budget.fuse and training.fuse is not None:
            first, every = self.budget.fuse
            changes = {"fuse": FuseOptions(first=first, every=every), "settle": self.budget.settle}
            training = training.model_copy(update=changes)
        if self.budget.scale_queue and training.balance.method == "queue":
            step = max(1, round(training.balance.queue_step * len(self.material.train) / PAPER_CLIPS))
            training = training.model_copy(update={"balance": training.balance.model_copy(update={"queue_step": step})})
        return recipe.model_copy(update={"training": training})

    def outcomes(self) -> list[Outcome]:
        """Whatever is done so far. `ConfigError` where the folder holds another budget's."""
        found = []
        for name in self.study.recipes():
            for path in sorted(self.result(name, 0).parent.glob("seed-*.json")):
                outcome = Outcome(**json.loads(path.read_text(encoding="utf-8")))
                if outcome.budget != self.budget.name:
                    raise ConfigError(
                        f"{path}: of budget {outcome.budget!r}, not {self.budget.name!r}; choose another folder"
                    )
                found.append(outcome)
        return found

    def row(self, name: str, seed: int, reporter: Reporter) -> bool:
        """Train and score a recipe with a seed; False when that was done before."""
        if self.result(name, seed).is_file():
            return False
        members = self.recipe(name).members or (name,)
        for member in members:
            self._train(member, seed, reporter)
        seconds = sum(read_log(self.model(member, seed) / "log.csv")[-1]["seconds"] for member in members)
        tagger = self.tagger(name, seed)
        parts = {}
        for part, manifest in self.material.tests.items():
            known = manifest.with_labels(tagger.labels)
            parts[part] = figures(score_clips(tagger.scorer, known, reporter.stage(f"scoring {part}")), tagger)
        outcome = Outcome(name, seed, self.budget.name, parts, len(self.material.train), round(seconds, 1))
        write_text(self.result(name, seed), json.dumps(asdict(outcome), indent=1) + "\n")
        return True

    def tagger(self, name: str, seed: int) -> Tagger:
        """The trained model of a recipe; of a fused one, its members' models fused."""
        members = self.recipe(name).members
        device = self.machine.device
        if members:
            return open_tagger([self.model(member, seed) for member in members], device=device)
        return open_tagger([self.model(name, seed)], device=device)

    def _train(self, name: str, seed: int, reporter: Reporter) -> None:
        folder = self.model(name, seed)
        if is_finished(folder):
            return
        recipe = self.recipe(name)
        request = Request(
            train=self.material.train,
            valid=None,
            network=recipe.network,
            training=recipe.training,
            output=folder,
            seed=seed,
            recipe=recipe.to_yaml(),
        )  # every clip trains: no row tunes thresholds on separate clips
        command = f"earmark reproduce {self.study.name} DATA --budget {self.budget.name} --seeds {seed}"
        Run(request, self.machine, reporter, recipe=name, command=command, name=name).execute()


def figures(scored: ScoredClips, tagger: Tagger) -> dict[str, dict[str, float | None]]:
    """The figures of an evaluation at the model's operating point, and those of detection with thresholds tuned."""
    found: dict[str, Any] = evaluate_scored(scored, tagger.operating_point)[0].to_json()
    kept = {name: {key: found[name][key] for key in keys} for name, keys in _KEPT.items() if name in found}
    if len(scored.strong) > 1:
        kept["tuned"] = cross_tuned(scored)
    return kept


def cross_tuned(scored: ScoredClips) -> dict[str, float | None]:
    """Segment-based figures with thresholds and smoothing tuned on every other recording for the rest, both ways.

    No recording is judged by thresholds that it helped to choose.
    """
    strong, references = scored.strong, scored.references()
    halves = list(range(0, len(strong), 2)), list(range(1, len(strong), 2))
    reference: dict[str, Sequence[Event]] = {}
    estimated: dict[str, Sequence[Event]] = {}
    for chosen, judged in (halves, halves[::-1]):
        point = tune_detection(
            [references[place] for place in chosen], [scored.scores[strong[place]] for place in chosen], _OBJECTIVE
        ).point
        decided = decide_all((scored.scores[strong[place]] for place in judged), point)
        for place, decision in zip(judged, decided, strict=True):
            reference[decision.recording], estimated[decision.recording] = references[place], decision.events
    metrics = segment_metrics(reference, estimated, scored.labels)
    return {"f1": metrics.f1, "error_rate": metrics.error_rate}

"""The whole job: labelled clips in, model directory out, resumed where it stopped.

    MODEL/
      recipe.yaml       what is followed, written first
      training/         state of the run: run.json, last.ckpt, weights of the last epochs, tensorboard/
      cache/            decoded clips; removed at the end
      log.csv           a row an epoch
      model.safetensors, operating_point.json, README.md, and last config.json: the model is complete

`run.json` holds what the run was asked for. The same request goes on from the last checkpoint; another one in the same
directory is refused with the first thing that differs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from earmark.augment import step_seed
from earmark.data.records import Manifest, Problem
from earmark.data.store import ClipStore, open_store
from earmark.decisions import OperatingPoint
from earmark.decisions.tuning import TuningReport
from earmark.errors import ConfigError, DataError, MissingExtraError, OutputError
from earmark.files import write_text
from earmark.inference.labelled import Progress, evaluate_scored, score_clips, tune
from earmark.inference.scorer import Scorer
from earmark.metrics.evaluation import Evaluation
from earmark.tagger import CONFIG, NetworkOptions, Tagger, TaggerOptions
from earmark.training.options import TrainingOptions

if TYPE_CHECKING:
    import lightning

    from earmark.training.callbacks import Row
    from earmark.training.loop import Machine

RUN = Path("training") / "run.json"
SCALING_CLIPS = 1000  # of the training clips, spread evenly, set the per-band scaling
CACHE_LIMIT = 20e9  # bytes of decoded audio beyond which clips are decoded anew each time


@dataclass(frozen=True)
class Request:
    """What is to be trained."""

    train: Manifest
    valid: Manifest | None
    network: NetworkOptions
    training: TrainingOptions
    output: Path
    seed: int = 0
    recipe: str = ""  # YAML text, kept beside the model
    cache: Literal["auto", "on", "off"] = "auto"  # decode every clip once, into MODEL/cache

    def asked(self) -> dict[str, Any]:
        """What makes this run this run, as plain data."""
        return {
            "network": self.network.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "seed": self.seed,
            "labels": list(self.train.labels),
            "training clips": _fingerprint(self.train),
            "validation clips": _fingerprint(self.valid),
        }

    def check_same(self) -> None:
        """`ConfigError` when the directory holds a run that was asked for otherwise."""
        path = self.output / RUN
        if not path.is_file():
            return
        differing = _first_difference(json.loads(path.read_text(encoding="utf-8")), self.asked())
        if differing:
            raise ConfigError(
                f"{self.output} holds a training of its own, with another {differing}; "
                "give another directory, or --overwrite to begin anew"
            )


@dataclass(frozen=True)
class Trained:
    """What came of it."""

    tagger: Tagger
    point: OperatingPoint
    history: Sequence[Row]
    problems: tuple[Problem, ...]  # clips left out
    evaluation: Evaluation | None  # on the validation clips, at the tuned operating point
    tuning: TuningReport | None


class Reporter:
    """Is told how the job goes on; the command line draws bars, this one keeps quiet."""

    def stage(self, text: str) -> Progress | None:
        """A stage begins; the returned function, if any, is called with (done, all)."""
        return None

    def callbacks(self) -> list[lightning.Callback]:
        """Callbacks for the training engine."""
        return []


def require_engine() -> None:
    """`MissingExtraError` when the training engine or its log is not installed."""
    for package in ("lightning", "tensorboard"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train", "training")


def is_finished(folder: Path) -> bool:
    """Whether a training has completed here."""
    return (folder / CONFIG).is_file()


def train_model(request: Request, machine: Machine, reporter: Reporter | None = None) -> Trained:
    """Train, average, tune, save. `ConfigError` when the directory holds another run, `DataError` on unusable data."""
    from earmark.training.loop import ClipSet, fit
    from earmark.training.validation import Validation

    reporter = reporter or Reporter()
    _claim(request)
    train = _open(request, request.train, "train", reporter)
    valid = _open(request, request.valid, "valid", reporter) if request.valid else None
    labels = request.train.labels
    torch.manual_seed(step_seed(request.seed, 0, "weights"))
    tagger = Tagger(TaggerOptions(labels=labels.names, **dict(request.network))).train()
    if not (request.output / "training" / "last.ckpt").is_file():
        _fit_scaling(tagger, train, reporter.stage("per-band scaling"))
    train_set = ClipSet(train, _targets(request.train, train))
    valid_set = ClipSet(valid, _targets(request.valid, valid)) if request.valid and valid else None
    history = fit(
        tagger,
        train_set,
        valid_set,
        request.training,
        request.output,
        seed=request.seed,
        machine=machine,
        validate=Validation(valid.clips, labels, tagger.clock) if valid else None,
        progress=reporter.callbacks(),
    )
    problems = (*train.problems, *(valid.problems if valid else ()))
    point, evaluation, tuning = _decide(tagger, request, machine, reporter)
    return Trained(tagger.eval(), point, history, problems, evaluation, tuning)


def save_model(request: Request, trained: Trained, card: str) -> None:
    """Write what makes the directory a model, config.json last, and clear away what only the run needed."""
    folder = request.output
    trained.point.save(folder / "operating_point.json")
    write_text(folder / "README.md", card)
    trained.tagger.save_pretrained(folder)  # weights first, then config.json
    shutil.rmtree(folder / "cache", ignore_errors=True)
    state = folder / "training"
    for path in [state / "last.ckpt", *([] if request.training.keep_epochs else state.glob("epoch-*.safetensors"))]:
        path.unlink(missing_ok=True)


def _claim(request: Request) -> None:
    """Make the directory this run's own, or find that it already is."""
    path = request.output / RUN
    if path.is_file():
        request.check_same()
    elif request.output.exists() and not request.output.is_dir():
        raise OutputError(f"{request.output} is a file; expected a directory to write the model into")
    elif request.output.is_dir() and any(request.output.iterdir()):
        raise OutputError(f"{request.output} is not empty and holds no training; give a new directory")
    write_text(path, json.dumps(request.asked(), indent=1, ensure_ascii=False) + "\n")
    write_text(request.output / "recipe.yaml", request.recipe)


def _first_difference(old: Any, new: Any, where: str = "") -> str:
    """Dotted name of the first thing that differs; empty when nothing does."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            found = _first_difference(old.get(key), new.get(key), f"{where}.{key}" if where else key)
            if found:
                return found
        return ""
    return "" if old == new else where


def _fingerprint(manifest: Manifest | None) -> str | None:
    """Digest of the clips' names, labels and files' sizes."""
    if manifest is None:
        return None
    digest = hashlib.sha256()
    for clip in manifest.clips:
        digest.update(repr((clip.name, clip.labels, clip.path.stat().st_size)).encode())
    return digest.hexdigest()[:16]


def _open(request: Request, manifest: Manifest, name: str, reporter: Reporter) -> ClipStore:
    rate = request.network.features.rate
    seconds = sum(clip.duration or request.training.clip_seconds for clip in manifest.clips)
    packed = request.cache == "on" or (request.cache == "auto" and seconds * rate * 2 < CACHE_LIMIT)
    cache = request.output / "cache" / name if packed else None
    store = open_store(manifest.clips, rate, cache, progress=reporter.stage(f"decoding ({name})"))
    if not len(store):
        raise DataError(
            f"{manifest.source}: none of its {len(manifest)} clips can be read; the first: {store.problems[0]}"
        )
    return store


def _targets(manifest: Manifest, store: ClipStore) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return manifest.with_clips(store.clips).targets()


def _fit_scaling(tagger: Tagger, store: ClipStore, progress: Progress | None) -> None:
    chosen = np.unique(np.linspace(0, len(store) - 1, SCALING_CLIPS).astype(int))

    def features() -> Any:
        for done, index in enumerate(chosen, 1):
            with torch.no_grad():
                yield tagger.front_end(torch.from_numpy(store.read(int(index)))[None])[0]
            if progress is not None:
                progress(done, len(chosen))

    tagger.scaling.fit(features())


def _decide(
    tagger: Tagger, request: Request, machine: Machine, reporter: Reporter
) -> tuple[OperatingPoint, Evaluation | None, TuningReport | None]:
    """The operating point from the validation clips, and how the model does on them."""
    tagger.eval()
    if request.valid is None:
        return OperatingPoint.default(tagger.labels), None, None
    scorer = Scorer(tagger.to(machine.device), machine.device)
    scored = score_clips(scorer, request.valid, reporter.stage("scoring validation clips"))
    tuned = tune(scored, data="the validation clips", seed=request.seed)
    evaluation, _ = evaluate_scored(scored, tuned.point)
    return tuned.point, evaluation, tuned.report

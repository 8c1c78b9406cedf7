"""`tune`, `evaluate` and `score`: operating points chosen, models and label files measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from earmark.api.models import open_models
from earmark.errors import ConfigError
from earmark.files import PathLike, path_or_none
from earmark.reporter import QUIET, Reporter

if TYPE_CHECKING:
    from earmark.data.records import Manifest, Problem
    from earmark.decisions.tuning import Tuned
    from earmark.devices import Precision
    from earmark.evaluation.labelled import Measuring, ScoredClips
    from earmark.evaluation.report import Measured
    from earmark.metrics.bootstrap import Resampling
    from earmark.metrics.evaluation import Evaluation
    from earmark.metrics.files import Scored as ProtocolScores
    from earmark.report.comparison import Comparison
    from earmark.runtime.tagger import Tagger


@dataclass(frozen=True)
class TuningResult:
    """What came of `tune`."""

    path: Path  # of the operating point
    tuned: Tuned
    scored: ScoredClips
    tagger: Tagger
    problems: tuple[Problem, ...]  # rows and clips left out


def tune(
    model: PathLike,
    data: PathLike,
    *,
    audio: PathLike | None = None,
    separator: str | None = None,
    label_column: str | None = None,
    objective: str | None = None,
    method: Literal["auto", "threshold", "boxes"] = "auto",
    calibrate: Literal["platt", "isotonic", "none"] | None = None,
    output: PathLike | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    reporter: Reporter = QUIET,
) -> TuningResult:
    """Choose thresholds and smoothing for each label, and store them in the model, or in the file `output`.

    `objective`: segment-f1, event-f1, tagging-f1 (each also -micro), error-rate, psds1, psds2, precision=0.9,
    recall=0.9. Default: segment-f1 with strong labels, tagging-f1 without. `separator` and
    `label_column` as of `train`.
    """
    from earmark.data.manifest import Reading, read_manifest
    from earmark.decisions import FILE_NAME
    from earmark.evaluation.score_cache import FOLDER, score_clips_cached
    from earmark.evaluation.tuning import check_options
    from earmark.evaluation.tuning import tune as choose
    from earmark.files import check_file
    from earmark.hub import check_changeable, locate, notes_of
    from earmark.report.model_card import store_point

    check_options(objective, method, calibrate)
    target = path_or_none(output)
    check_file(target / FILE_NAME if target is not None and target.is_dir() else target)
    directory = locate(model)
    if target is None:
        check_changeable(directory, "write to a file with -o point.json and use it with --operating-point point.json")
    tagger = open_models([directory], device=device, precision=precision)
    reading = Reading(separator, label_column)
    manifest = read_manifest(Path(data), audio=path_or_none(audio), labels=tagger.labels, reading=reading)
    scored = score_clips_cached(tagger.scorer, manifest, notes_of(directory) / FOLDER, reporter.stage("scoring"))
    name = Path(data).resolve().name
    tuned = choose(
        scored,
        objective,
        method=method,
        calibrate=calibrate,
        base=tagger.operating_point,
        data=name,
        seed=seed,
    )
    path = store_point(directory, tuned) if target is None else tuned.point.save(target)
    return TuningResult(path, tuned, scored, tagger, (*manifest.problems, *scored.problems))


@dataclass(frozen=True)
class Evaluated:
    """What came of `evaluate`: a measurement a model, and their comparison where there are two."""

    measured: tuple[Measured, ...]
    evaluations: tuple[Evaluation, ...]
    comparison: Comparison | None
    problems: tuple[Problem, ...]  # rows and clips left out
    report: Path | None = None  # the page, where one was asked for

    def to_json(self) -> dict[str, Any]:
        """The figures as plain data."""
        first = dict(self.measured[0].metrics)
        if self.comparison is None:
            return first
        names = [str(measured.name) for measured in self.measured]
        second = self.measured[1].metrics
        return {"models": names, "first": first, "second": second, "paired": self.comparison.paired}


def evaluate(
    models: Sequence[PathLike],
    data: PathLike,
    *,
    audio: PathLike | None = None,
    separator: str | None = None,
    label_column: str | None = None,
    report: PathLike | None = None,
    shown: int = 4,
    sounds: bool = True,
    segment_length: float = 1.0,
    onset_collar: float = 0.2,
    offset_share: float = 0.2,
    resamples: int = 1000,
    threshold: float | None = None,
    operating_point: PathLike | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    reporter: Reporter = QUIET,
) -> Evaluated:
    """Every metric the inputs allow, of one model, or of two on the same recordings with paired intervals.

    `report` is a folder for the page `report.html`, with `shown` recordings of each kind, their sound where `sounds`.
    `resamples` draws make the 95 % intervals, 0 none. Lengths and collars are in seconds. `separator` and
    `label_column` as of `train`.
    """
    from earmark.data.manifest import Reading, read_manifest
    from earmark.evaluation.labelled import Measuring
    from earmark.files import check_folder
    from earmark.hub import locate
    from earmark.metrics.bootstrap import Resampling
    from earmark.metrics.files import collars_of

    if len(models) not in (1, 2):
        raise ConfigError(f"expected one model, or two to compare, got {len(models)}")
    directories = [locate(model) for model in models]
    page = path_or_none(report)
    check_folder(page)
    resampling = Resampling(resamples) if resamples else None
    collars = collars_of(segment_length, onset_collar, offset_share)
    measuring = Measuring(segment_length, collars, resampling, thorough=True)
    taggers = [
        open_models([model], device=device, precision=precision, threshold=threshold, operating_point=operating_point)
        for model in directories
    ]
    if any(tagger.labels != taggers[0].labels for tagger in taggers):
        raise ConfigError(f"{models[0]} and {models[1]} have different labels and cannot be compared")
    reading = Reading(separator, label_column)
    manifest = read_manifest(Path(data), audio=path_or_none(audio), labels=taggers[0].labels, reading=reading)
    found = [
        _measure(model, tagger, manifest, measuring, reporter)
        for model, tagger in zip(directories, taggers, strict=True)
    ]
    measured = tuple(each for each, _ in found)
    evaluations = tuple(each for _, each in found)
    comparison = _compare(measured, evaluations, resampling) if len(found) == 2 else None
    problems = (*manifest.problems, *measured[-1].scored.problems)
    if page is not None:
        from earmark.evaluation.report import evaluation_report
        from earmark.report.page import write_report

        content = evaluation_report(
            measured[-1],
            data=Path(data),
            against=measured[0] if len(measured) == 2 else None,
            shown=shown,
            sounds=sounds,
            comparison=comparison,
            problems=[str(problem) for problem in problems],
        )
        page = page / "report.html"
        write_report(page, content)
    return Evaluated(measured, evaluations, comparison, problems, page)


def _measure(
    model: Path, tagger: Tagger, manifest: Manifest, measuring: Measuring, reporter: Reporter
) -> tuple[Measured, Evaluation]:
    """One model on the recordings; scores come from its cache where they are known."""
    from earmark.errors import counted
    from earmark.evaluation.labelled import evaluate_scored
    from earmark.evaluation.report import Measured
    from earmark.evaluation.score_cache import FOLDER, score_clips_cached
    from earmark.evaluation.tuning import advice
    from earmark.hub import notes_of

    folder = notes_of(model) / FOLDER
    scored = score_clips_cached(tagger.scorer, manifest, folder, reporter.stage(f"scoring ({model.name})"))
    computed = tagger.scorer.arithmetic
    reporter.say(f"{model.name}: {counted(len(scored.clips), 'recording')} ({computed})")
    for line in advice(tagger.operating_point):
        reporter.say(f"{model.name}: {line}")
    evaluation, detected = evaluate_scored(scored, tagger.operating_point, measuring)
    return Measured(model, tagger, scored, evaluation.to_json(), detected), evaluation


def _compare(
    measured: Sequence[Measured], evaluations: Sequence[Evaluation], resampling: Resampling | None
) -> Comparison:
    from earmark.metrics.evaluation import paired
    from earmark.report.comparison import Comparison

    first, second = measured
    names = first.name.name, second.name.name
    if names[0] == names[1]:
        names = str(first.name), str(second.name)
    pairs = paired(evaluations[0], evaluations[1], first.tagger.labels, resampling) if resampling else {}
    return Comparison(names, first.metrics, second.metrics, pairs)


def score(
    reference: PathLike,
    estimate: PathLike,
    *,
    segment_length: float = 1.0,
    onset_collar: float = 0.2,
    offset_share: float = 0.2,
    ignore_unknown: bool = False,
    resamples: int = 1000,
    reference_format: str | None = None,
    estimate_format: str | None = None,
    separator: str | None = None,
    label_column: str | None = None,
) -> Evaluation:
    """Every metric that two label files allow; `estimate` may be a folder of score tables, and then PSDS is computed.

    `ignore_unknown` leaves out labels and recordings that the reference does not have. Lengths and collars in seconds.
    The formats tell files apart where a folder holds several; `separator` and `label_column` as of `train`.
    """
    from earmark.metrics.bootstrap import Resampling
    from earmark.metrics.files import score_files

    return score_files(
        Path(reference),
        Path(estimate),
        segment_length=segment_length,
        onset_collar=onset_collar,
        offset_share=offset_share,
        unknown="ignore" if ignore_unknown else "error",
        resampling=Resampling(resamples) if resamples else None,
        formats=(reference_format, estimate_format),
        separator=separator,
        label_column=label_column,
    )


def score_protocol(
    reference: PathLike, estimate: PathLike, protocol: Literal["dcase2017-a", "dcase2017-b"]
) -> ProtocolScores:
    """Two label files counted as the scorers of DCASE2017 task 4 do: a is tagging, b detection."""
    from earmark.metrics.files import score_protocol as count

    return count(Path(reference), Path(estimate), protocol)

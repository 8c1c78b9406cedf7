"""`earmark evaluate`: every metric of a model, or of two, on labelled recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import LEFT_OUT, OK, SOME_FAILED, Terminal

if TYPE_CHECKING:
    from earmark.data.records import Manifest
    from earmark.evaluation.labelled import Measuring
    from earmark.evaluation.report import Measured
    from earmark.metrics.bootstrap import Resampling
    from earmark.metrics.evaluation import Evaluation
    from earmark.report.comparison import Comparison
    from earmark.runtime.pipeline import Pipeline


def command(
    arguments: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL [OTHER] DATA", help="Model directory, perhaps a second one to compare it with, and the data."
        ),
    ],
    audio: choices.Audio = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the metrics to this file.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page with tables, pictures and sounds into this folder.")
    ] = None,
    shown: Annotated[int, typer.Option("--shown", min=0, help="Recordings shown in the report, of each kind.")] = 4,
    sounds: Annotated[bool, typer.Option("--sounds/--no-sounds", help="Whether they can be heard there.")] = True,
    segment_length: choices.SegmentLength = 1.0,
    onset_collar: choices.OnsetCollar = 0.2,
    offset_share: choices.OffsetShare = 0.2,
    resamples: choices.Resamples = 1000,
    threshold: choices.Threshold = None,
    operating_point: choices.OperatingPointFile = None,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Measure a model: tagging, and with strong labels segment-, event- and intersection-based detection and PSDS.

    With a second model: both on the same recordings, and whether they differ for sure.
    """
    from earmark.cli.listening import open_pipeline
    from earmark.cli.writing import check_file, check_folder
    from earmark.data.manifest import read_manifest
    from earmark.errors import ConfigError
    from earmark.evaluation.labelled import Measuring
    from earmark.files import write_text
    from earmark.hub import locate
    from earmark.metrics.bootstrap import Resampling
    from earmark.metrics.files import collars_of

    *models, data = arguments
    models = [locate(model) for model in models]
    if len(models) not in (1, 2):
        raise ConfigError(f"expected MODEL DATA or MODEL OTHER DATA, got {len(arguments)} paths")
    check_file(json_file)
    check_folder(report)
    terminal = Terminal(quiet)
    resampling = Resampling(resamples) if resamples else None
    collars = collars_of(segment_length, onset_collar, offset_share)
    measuring = Measuring(segment_length, collars, resampling, thorough=True)
    pipelines = [open_pipeline(model, device, precision, threshold, operating_point) for model in models]
    if any(pipeline.labels != pipelines[0].labels for pipeline in pipelines):
        raise ConfigError(f"{models[0]} and {models[1]} know different labels and cannot be compared")
    manifest = read_manifest(data, audio=audio, labels=pipelines[0].labels)
    found = [
        _measure(terminal, model, pipeline, manifest, measuring)
        for model, pipeline in zip(models, pipelines, strict=True)
    ]
    comparison = _tell(terminal, found, resampling)
    if json_file is not None:
        metrics = [measured.metrics for measured, _ in found]
        both = {"models": [str(model) for model in models], "first": metrics[0], "second": metrics[-1]}
        content = metrics[0] if comparison is None else {**both, "paired": comparison.paired}
        write_text(json_file, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        terminal.say(f"wrote {json_file}")
    faults = [str(problem) for problem in (*manifest.problems, *found[-1][0].scored.problems)]
    if report is not None:
        from earmark.evaluation.report import evaluation_report
        from earmark.report.page import write_report

        page = evaluation_report(
            found[-1][0], data=data, shown=shown, sounds=sounds, comparison=comparison, problems=faults
        )
        write_report(report / "report.html", page)
        terminal.say(f"wrote {report / 'report.html'}")
    terminal.faults(faults, LEFT_OUT)
    raise typer.Exit(SOME_FAILED if faults else OK)


def _measure(
    terminal: Terminal, model: Path, pipeline: Pipeline, manifest: Manifest, measuring: Measuring
) -> tuple[Measured, Evaluation]:
    """One model on the recordings; scores come from its cache where they are known."""
    from earmark.cli.listening import heard
    from earmark.evaluation.labelled import evaluate_scored
    from earmark.evaluation.report import Measured
    from earmark.evaluation.score_cache import FOLDER, score_clips_cached
    from earmark.hub import box

    with terminal.bar(f"scoring ({model.name})") as bar:
        scored = score_clips_cached(pipeline.scorer, manifest, box.notes_of(model) / FOLDER, bar)
    terminal.say(f"{model.name}: {heard(len(scored.clips), pipeline)}")
    evaluation, detected = evaluate_scored(scored, pipeline.operating_point, measuring)
    return Measured(model, pipeline, scored, evaluation.to_json(), detected), evaluation


def _tell(
    terminal: Terminal, found: list[tuple[Measured, Evaluation]], resampling: Resampling | None
) -> Comparison | None:
    """The figures of one model, or of two side by side; the comparison where there are two."""
    from earmark.metrics.evaluation import paired
    from earmark.report.comparison import Comparison, comparison_table, difference_table

    if len(found) == 1:
        terminal.metrics(found[0][0].metrics)
        return None
    (first, before), (second, after) = found
    names = first.name.name, second.name.name
    if names[0] == names[1]:
        names = str(first.name), str(second.name)
    pairs = paired(before, after, first.pipeline.labels, resampling) if resampling else {}
    comparison = Comparison(names, first.metrics, second.metrics, pairs)
    terminal.table(comparison_table(comparison), f"{names[1]} against {names[0]}")
    terminal.print()
    terminal.table(difference_table(comparison))
    return comparison

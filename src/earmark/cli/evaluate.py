"""`earmark evaluate`: every metric of a model on labelled recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import LEFT_OUT, OK, SOME_FAILED, Terminal


def command(
    model: choices.ModelArgument,
    data: choices.Data,
    audio: choices.Audio = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the metrics to this file.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page with tables, pictures and sounds into this folder.")
    ] = None,
    shown: Annotated[int, typer.Option("--shown", min=0, help="Recordings shown in the report.")] = 4,
    threshold: choices.Threshold = None,
    operating_point: choices.OperatingPointFile = None,
    device: choices.Device = "auto",
    precision: choices.Precision = "float32",
    quiet: choices.Quiet = False,
) -> None:
    """Measure a model: tagging, and with strong labels segment-based and event-based detection."""
    from earmark.cli.listening import open_pipeline
    from earmark.cli.writing import check_file, check_folder
    from earmark.data.manifest import read_manifest
    from earmark.files import write_text
    from earmark.inference.labelled import evaluate_scored, score_clips

    check_file(json_file)
    check_folder(report)
    terminal = Terminal(quiet)
    pipeline = open_pipeline(model, device, precision, threshold, operating_point)
    manifest = read_manifest(data, audio=audio, labels=pipeline.labels)
    with terminal.bar("scoring") as bar:
        scored = score_clips(pipeline.scorer, manifest, bar)
    evaluation, detected = evaluate_scored(scored, pipeline.operating_point)
    metrics = evaluation.to_json()
    terminal.metrics(metrics)
    if json_file is not None:
        write_text(json_file, json.dumps(metrics, indent=2, ensure_ascii=False) + "\n")
        terminal.say(f"wrote {json_file}")
    faults = [str(problem) for problem in (*manifest.problems, *scored.problems)]
    if report is not None:
        from earmark.inference.showing import evaluation_report
        from earmark.report.page import write_report

        page = evaluation_report(pipeline, scored, metrics, detected, shown, model=model, data=data, problems=faults)
        write_report(report / "report.html", page)
        terminal.say(f"wrote {report / 'report.html'}")
    terminal.faults(faults, LEFT_OUT)
    raise typer.Exit(SOME_FAILED if faults else OK)

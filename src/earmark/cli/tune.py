"""`earmark tune`: the operating point, chosen on labelled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import LEFT_OUT, OK, SOME_FAILED, Terminal


def command(
    model: choices.ModelArgument,
    data: choices.Data,
    audio: choices.Audio = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            help="segment-f1, event-f1, tagging-f1 (each also -micro), error-rate, psds1, psds2, precision=0.9, "
            "recall=0.9. Default: segment-f1 with strong labels, tagging-f1 without.",
        ),
    ] = None,
    method: Annotated[
        Literal["auto", "threshold", "boxes"],
        typer.Option("--method", help="How events are found; auto tries both on held-out recordings."),
    ] = "auto",
    calibrate: Annotated[
        Literal["platt", "isotonic", "none"] | None,
        typer.Option("--calibrate", help="Make scores mean what they say first; none drops what there is."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write to, in place of the model itself.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the cross-validation.")] = 0,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Choose thresholds and smoothing for each label, and store them in the model.

    Strong labels tune detection and tagging; tags alone tune what they can.
    """
    from earmark.cli.listening import heard, open_pipeline
    from earmark.cli.writing import check_file
    from earmark.data.manifest import read_manifest
    from earmark.decisions import FILE_NAME
    from earmark.errors import OutputError
    from earmark.evaluation.score_cache import FOLDER, score_clips_cached
    from earmark.evaluation.tuning import check_options, tune
    from earmark.hub import box, locate
    from earmark.training.card import update_card

    check_options(objective, method, calibrate)
    check_file(output / FILE_NAME if output is not None and output.is_dir() else output)
    terminal = Terminal(quiet)
    model = locate(model)
    if output is None and box.holds(model):
        raise OutputError(
            f"{box.NAME} stays as it is: write to a file, -o point.json, and listen with --operating-point point.json"
        )
    pipeline = open_pipeline(model, device, precision)
    manifest = read_manifest(data, audio=audio, labels=pipeline.labels)
    with terminal.bar("scoring") as bar:
        scored = score_clips_cached(pipeline.scorer, manifest, box.notes_of(model) / FOLDER, bar)
    base, name = pipeline.operating_point, data.resolve().name
    tuned = tune(scored, objective, method=method, calibrate=calibrate, base=base, data=name, seed=seed)
    terminal.say(f"{model.name}: {heard(len(scored.clips), pipeline)}")
    terminal.say(tuned.report.summary())
    path = tuned.point.save(output or model)
    if output is None:
        update_card(model, tuned)
    terminal.say(f"stored in {path}")
    faults = [str(problem) for problem in (*manifest.problems, *scored.problems)]
    terminal.faults(faults, LEFT_OUT)
    raise typer.Exit(SOME_FAILED if faults else OK)

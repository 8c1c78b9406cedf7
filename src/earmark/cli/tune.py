"""`earmark tune`: the operating point, chosen on labelled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import LEFT_OUT, OK, SOME_FAILED, BarReporter, Terminal
from earmark.errors import counted


def command(
    model: choices.ModelArgument,
    data: choices.Data,
    audio: choices.Audio = None,
    separator: choices.Separator = None,
    label_column: choices.LabelColumn = None,
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
        typer.Option(
            "--method", help="How events are found; auto tries both on held-out recordings and keeps the better one."
        ),
    ] = "auto",
    calibrate: Annotated[
        Literal["platt", "isotonic", "none"] | None,
        typer.Option(
            "--calibrate", help="First calibrate the scores to probabilities; none removes an existing calibration."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write to, instead of the model itself.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the cross-validation.")] = 0,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Choose thresholds and smoothing for each label.

    They are stored in the model. Strong labels tune tagging and detection. Tags alone tune the tags and the gate of
    the events; onset, offset and durations then follow from the model's frame scores.
    """
    from earmark import api

    terminal = Terminal(quiet)
    with BarReporter(terminal) as reporter:
        made = api.tune(
            model,
            data,
            audio=audio,
            separator=separator,
            label_column=label_column,
            objective=objective,
            method=method,
            calibrate=calibrate,
            output=output,
            seed=seed,
            device=device,
            precision=precision,
            reporter=reporter,
        )
    recordings, computed = counted(len(made.scored.clips), "recording"), made.tagger.scorer.arithmetic
    terminal.say(f"{model.name}: {recordings} ({computed})")
    terminal.say(made.tuned.report.summary())
    terminal.say(f"stored in {made.path}")
    terminal.faults([str(problem) for problem in made.problems], LEFT_OUT)
    raise typer.Exit(SOME_FAILED if made.problems else OK)

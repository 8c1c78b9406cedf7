"""`earmark detect`: when each event starts and stops."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices


def command(
    inputs: choices.Inputs = [],  # noqa: B006 - the command line's default, never changed
    models: choices.Models = [],  # noqa: B006 - the same
    output: choices.Output = None,
    formats: choices.Formats = ["csv"],  # noqa: B006 - the same
    min_score: choices.MinScore = 0.0,
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores",
            help=(
                "Also write the frame scores of each recording into this folder, for 'earmark score' and other "
                "programs."
            ),
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write an HTML page into this folder: spectrogram, frame scores, events and sound of the recordings.",
        ),
    ] = None,
    shown: Annotated[
        int, typer.Option("--shown", min=0, help="Number of recordings in the report: those with the best events.")
    ] = 30,
    sounds: Annotated[
        bool, typer.Option("--sounds/--no-sounds", help="Whether the report contains their sound.")
    ] = True,
    threshold: choices.Threshold = None,
    operating_point: choices.OperatingPointFile = None,
    window_plan: choices.WindowPlan = None,
    ontology: choices.Ontology = None,
    files_from: choices.FilesFrom = [],  # noqa: B006 - the same
    shard: choices.ShardName = None,
    processes: choices.Processes = None,
    ray: choices.Ray = None,
    allow_remote: choices.AllowRemote = False,
    overwrite: choices.Overwrite = False,
    retry_failed: choices.RetryFailed = False,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    engine: choices.Engine = "auto",
    profile: choices.Profile = False,
    quiet: choices.Quiet = False,
) -> None:
    """Print or write events with start and end times.

    Inputs are files and folders, of any length and sample rate.
    """
    arguments = {**locals(), "began": time.perf_counter()}
    from earmark.cli.recordings import run

    raise typer.Exit(run("detect", **arguments))

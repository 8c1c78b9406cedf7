"""`earmark detect`: when each event starts and stops."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal

if TYPE_CHECKING:
    from earmark.cli.listening import Listening
    from earmark.runtime.pipeline import Result


def command(
    inputs: choices.Inputs,
    models: choices.Models = [],  # noqa: B006 - the command line's default, never changed
    output: choices.Output = None,
    formats: choices.Formats = ["csv"],  # noqa: B006 - the same
    min_score: choices.MinScore = 0.0,
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores", help="Folder for a table of frame scores a recording, for 'earmark score' and others."
        ),
    ] = None,
    threshold: choices.Threshold = None,
    operating_point: choices.OperatingPointFile = None,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    profile: choices.Profile = False,
    quiet: choices.Quiet = False,
) -> None:
    """Say when each event starts and stops in files and folders, of any length and rate."""
    began = time.perf_counter()
    from earmark.audio import find_recordings
    from earmark.cli.listening import Listening, open_pipeline, tell_written
    from earmark.cli.writing import check_folder, check_output, print_events
    from earmark.events import EventLog
    from earmark.formats import file_names, write_events
    from earmark.stopwatch import stage

    check_output(output, formats)
    check_folder(scores)
    terminal = Terminal(quiet)
    pipeline = open_pipeline(models, device, precision, threshold, operating_point, terminal)
    listening = Listening(terminal, pipeline)
    if profile:
        listening.profile(began)
    recordings = find_recordings(inputs)
    results = listening.results(recordings, min_score)
    if scores is not None:
        names = file_names((each.name for each in recordings), ".tsv")
        tables = {name: scores / path for name, path in names.items()}
        results = _writing(results, tables, listening)
    events = EventLog()
    for result in results:
        events.add(result.recording, result.events)
    if events:
        with stage(listening.watch, "write"):
            if output is None:
                print_events(events, formats[0])
            else:
                tell_written(terminal, write_events(output, events, formats), output)
        listening.tell(events.total(), "event")
    raise typer.Exit(listening.close())


def _writing(results: Iterator[Result], tables: dict[str, Path], listening: Listening) -> Iterator[Result]:
    """The same results, the frame scores of each written on the way, as the operating point's thresholds meet them."""
    from earmark.decisions import score_curve
    from earmark.formats import write_scores
    from earmark.stopwatch import stage

    for result in results:
        with stage(listening.watch, "write"):
            write_scores(tables[result.recording], score_curve(result.scores, listening.pipeline.operating_point))
        yield result

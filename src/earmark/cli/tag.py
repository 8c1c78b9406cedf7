"""`earmark tag`: what is in each recording."""

from __future__ import annotations

import time

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal


def command(
    inputs: choices.Inputs,
    models: choices.Models = [],  # noqa: B006 - the command line's default, never changed
    output: choices.Output = None,
    formats: choices.TagFormats = ["csv"],  # noqa: B006 - the same
    min_score: choices.MinScore = 0.0,
    threshold: choices.Threshold = None,
    operating_point: choices.OperatingPointFile = None,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    profile: choices.Profile = False,
    quiet: choices.Quiet = False,
) -> None:
    """Say what is heard in files and folders. A tag of a long recording is true of a part of it."""
    began = time.perf_counter()
    from earmark.audio import find_recordings
    from earmark.cli.listening import Listening, open_pipeline, tell_written
    from earmark.cli.writing import check_output, print_tags
    from earmark.formats import write_tags
    from earmark.stopwatch import stage

    check_output(output, formats, tags=True)
    terminal = Terminal(quiet)
    pipeline = open_pipeline(models, device, precision, threshold, operating_point, terminal)
    listening = Listening(terminal, pipeline)
    if profile:
        listening.profile(began)
    tags = {result.recording: result.tags for result in listening.results(find_recordings(inputs), min_score)}
    if tags:
        with stage(listening.watch, "write"):
            if output is None:
                print_tags(tags, formats[0])
            else:
                tell_written(terminal, write_tags(output, tags, formats), output)
        listening.tell(sum(map(len, tags.values())), "tag")
    raise typer.Exit(listening.close())

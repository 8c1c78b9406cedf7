"""`earmark tag`: what is in each recording."""

from __future__ import annotations

import time

import typer

from earmark.cli import choices
from earmark.cli.console import BarReporter, Terminal


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
    engine: choices.Engine = "auto",
    profile: choices.Profile = False,
    quiet: choices.Quiet = False,
) -> None:
    """Print or write the tags of files and folders.

    A tag of a long recording may hold for only part of it.
    """
    began = time.perf_counter()
    from earmark import api
    from earmark.cli.outcome import finish, say_written
    from earmark.cli.writing import print_tags
    from earmark.stopwatch import stage

    terminal = Terminal(quiet)
    with BarReporter(terminal) as reporter:
        found = api.tag(
            inputs,
            models=models,
            output=output,
            formats=formats,
            min_score=min_score,
            threshold=threshold,
            operating_point=operating_point,
            device=device,
            precision=precision,
            engine=engine,
            profile=profile,
            began=began,
            reporter=reporter,
        )
    if found.tags and output is None:
        with stage(found.watch, "write"):
            print_tags(found.tags, formats[0])
    say_written(terminal, found.written, output)
    raise typer.Exit(finish(terminal, found, sum(map(len, found.tags.values())), "tag"))

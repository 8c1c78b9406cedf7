"""`earmark detect`: when each event starts and stops."""

from __future__ import annotations

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal, count


def command(
    inputs: choices.Inputs,
    model: choices.Model,
    output: choices.Output = None,
    formats: choices.Formats = ["csv"],  # noqa: B006 - the command line's default, never changed
    min_score: choices.MinScore = 0.0,
    threshold: choices.Threshold = None,
    operating_point: choices.OperatingPointFile = None,
    device: choices.Device = "auto",
    precision: choices.Precision = "float32",
    quiet: choices.Quiet = False,
) -> None:
    """Say when each event starts and stops in files and folders, of any length and rate."""
    from earmark.cli.listening import Listening, open_pipeline, tell_written
    from earmark.cli.writing import check_output, print_events
    from earmark.formats import write_events

    check_output(output, formats)
    terminal = Terminal(quiet)
    listening = Listening(terminal, open_pipeline(model, device, precision, threshold, operating_point))
    events = {result.recording: result.events for result in listening.results(inputs, min_score)}
    if events:
        if output is None:
            print_events(events, formats[0])
        else:
            tell_written(terminal, write_events(output, events, formats), output)
        found = sum(map(len, events.values()))
        terminal.say(f"{count(found, 'event')} in {count(len(events), 'recording')}")
    raise typer.Exit(listening.close())

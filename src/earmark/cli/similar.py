"""`earmark similar`: what sounds like an example."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal


def command(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="A sound file, or a recording in OUT by its name in embeddings.csv.")
    ],
    sets: Annotated[list[Path], typer.Argument(metavar="OUT...", help="Folders that 'earmark embed -o' wrote.")],
    top: Annotated[int, typer.Option("--top", min=1, help="How many stretches to list.")] = 20,
    start: Annotated[
        float | None, typer.Option("--start", min=0, help="Where the example begins in QUERY, in seconds.")
    ] = None,
    end: Annotated[float | None, typer.Option("--end", min=0, help="Where it ends.")] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Label of the stretches. Default: QUERY's name.", show_default=False)
    ] = None,
    output: choices.Output = None,
    formats: choices.Formats = ["csv"],  # noqa: B006 - the command line's default, never changed
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="The model that made OUT, if it is elsewhere now.", show_default=False),
    ] = None,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """List what sounds most like an example.

    Each stretch is as long as the example; its score is the cosine of the embeddings. Without -o the best is printed
    first; a table written with -o has them by recording: 'earmark review' opens it, 'earmark clips' cuts it.
    """
    from earmark import api
    from earmark.cli.recordings import Printed
    from earmark.errors import counted
    from earmark.runtime.similar import as_event, as_events

    terminal = Terminal(quiet)
    found = api.similar(
        query,
        sets,
        output,
        top=top,
        start=start,
        end=end,
        label=label,
        model=model,
        formats=formats,
        device=device,
        precision=precision,
    )
    if output is None:
        printed = Printed("detect", formats[0])
        label = label or Path(query).stem
        if formats[0] == "json":  # an entry for each recording
            for recording, events in as_events(found.matches, label).items():
                printed(recording, events)
        else:
            for match in found.matches:
                printed(match.recording, [as_event(match, label)])
        printed.end()
    for path in found.written:
        terminal.say(f"wrote {path}")
    terminal.say(counted(len(found.matches), "result"))

"""`earmark import-panns`: a public PANNs checkpoint in, model directory out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal
from earmark.errors import OutputError


def command(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="The .pth file as published by its authors.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="New model directory.")],
    architecture: Annotated[
        Literal["cnn10", "cnn14", "cnn14-decision-max", "cnn14-decision-att", "wavegram-logmel-cnn14", "cnn14-16k"]
        | None,
        typer.Option("--architecture", help="Architecture, if the file could be one of several."),
    ] = None,
    quiet: choices.Quiet = False,
) -> None:
    """Convert a public PANNs checkpoint into a model.

    The model has the 527 classes of AudioSet. No code in the file is run.
    """
    from earmark.files import check_folder
    from earmark.hub.importing import import_panns

    if output.is_dir() and any(output.iterdir()):
        raise OutputError(f"{output} is not empty; choose a new directory")
    check_folder(output)
    terminal = Terminal(quiet)
    line = shlex.join(["earmark", *sys.argv[1:]])
    made = import_panns(checkpoint, output, architecture, line)
    origin = "as published" if made.published else "its checksum is not among the published ones"
    terminal.say(f"{made.name}, {origin}: {made.labels} labels, {made.parameters:,} parameters")
    terminal.say(f"the model is in {output}; all thresholds are 0.5; 'earmark tune' chooses better ones")

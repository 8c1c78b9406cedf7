"""`earmark import-panns`: `earmark import` for PANNs checkpoints alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices, import_


def command(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="The .pth file as published by its authors.")
    ],
    output: import_.Output,
    architecture: import_.Architecture = None,
    quiet: choices.Quiet = False,
) -> None:
    """Convert a public PANNs checkpoint (as import does).

    The model has the 527 classes of AudioSet. No code in the file is run.
    """
    import_.convert(checkpoint, output, architecture, quiet, family="panns")

"""`earmark export`: a model's ONNX twin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model directory; of a fusion all members.")],
    quiet: choices.Quiet = False,
) -> None:
    """Write a model as ONNX, to run it without PyTorch.

    The file model.onnx takes waveforms and gives clip and frame scores.

    Labels, sample rate, clock and operating point are in its metadata. The file is kept only if it scores as the model
    does.
    """
    from earmark import api

    written = api.export(model)
    Terminal(quiet).say(f"wrote {written}" if written.is_file() else f"wrote the twins of the members of {written}")

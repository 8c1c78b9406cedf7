"""`earmark import`: a model by name, or a checkpoint file of a public one, in; a model directory out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal
from earmark.errors import OutputError

_ORIGINS = {
    "published": "as published",
    "other": "its checksum is not among the published ones",
    "unknown": "its authors publish no checksum; the card states the file's",
}
Output = Annotated[Path, typer.Option("--output", "-o", help="New model directory.")]
Architecture = Annotated[
    str | None, typer.Option("--architecture", help="Architecture, if the file could be one of several.")
]


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME|CHECKPOINT",
            help="A public model (panns/cnn14), one on the Hugging Face Hub (hf:ORG/NAME), or a checkpoint file.",
        ),
    ],
    output: Output,
    architecture: Architecture = None,
    quiet: choices.Quiet = False,
) -> None:
    """Convert a public checkpoint into a model.

    The file is recognised by its checksum or by its tensors. No code in it is run. A model on the Hugging Face Hub is
    copied.
    """
    convert(source, output, architecture, quiet)


def convert(source: str | Path, output: Path, architecture: str | None, quiet: bool, family: str | None = None) -> None:
    """Import, and say what the file was; with `family` only its checkpoints are thought of."""
    from earmark.files import check_folder
    from earmark.hub.names import HUGGING_FACE

    if output.is_dir() and any(output.iterdir()):
        raise OutputError(f"{output} is not empty; choose a new directory")
    check_folder(output)
    terminal = Terminal(quiet)
    if str(source).startswith(HUGGING_FACE) and not Path(source).exists():
        from earmark.hub import locate
        from earmark.hub.huggingface import name_of
        from earmark.hub.model_files import copy_files

        copy_files(folder := locate(source), output)
        terminal.say(f"{name_of(folder)} is copied to {output}")
        return
    from earmark.hub.importing import import_model

    line = shlex.join(["earmark", *sys.argv[1:]])
    made = import_model(source, output, architecture, line, family)
    terminal.say(f"{made.name}, {_ORIGINS[made.origin]}: {made.labels} labels, {made.parameters:,} parameters")
    terminal.say(f"the model is in {output}; no threshold was tuned; 'earmark tune' chooses better ones")

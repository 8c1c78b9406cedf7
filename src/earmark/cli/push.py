"""`earmark push`: a model directory to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model directory, or the name of a model.")],
    target: Annotated[
        str, typer.Argument(metavar="hf:ORG/NAME", help="Repository; made where it is not there. ORG may be a user.")
    ],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch to push to; made where it is not there. Default: main.")
    ] = None,
    licence: Annotated[
        str, typer.Option("--licence", metavar="ID", help="Licence that the card states, e.g. mit or cc-by-4.0.")
    ] = "",
    quiet: choices.Quiet = False,
) -> None:
    """Push a model to the Hugging Face Hub.

    Weights, ONNX twin, operating point, recipe, log and card are sent, and nothing of the training's state. Log in
    first, with 'hf auth login'.
    """
    from earmark import api

    pushed = api.push(model, target, private=private, revision=revision, licence=licence)
    terminal = Terminal(quiet)
    terminal.say(f"{pushed.files} files ({pushed.size / 1e6:.1f} MB) are at {pushed.url}")
    if not pushed.licence:
        terminal.say("the card states no licence; --licence names one, e.g. --licence mit")
    terminal.say(f"this version: {pushed.repository}")

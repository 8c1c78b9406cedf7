"""`earmark fuse`: several models put together into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal, count


def command(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Model directories of the same labels.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory of the fused model, to be made.")],
    quiet: choices.Quiet = False,
) -> None:
    """Put models together into one whose scores are the mean of theirs; front-ends and frame rates may differ.

    Weights are copied. Thresholds are the mean of the members' until 'earmark tune' chooses better ones.
    """
    import shlex
    import sys

    from earmark.cli.writing import check_folder
    from earmark.hub import locate
    from earmark.models.joining import join
    from earmark.training.card import fused_card

    terminal = Terminal(quiet)
    check_folder(output.parent)
    line = shlex.join(["earmark", *sys.argv[1:]])
    fusion, point = join(
        [locate(model) for model in models], output, lambda *found: fused_card(*found, name=output.name, command=line)
    )
    terminal.say(f"{count(len(fusion.names), 'model')} as one in {output}; decided by {point.origin}")
    terminal.say(f"better: earmark tune {shlex.quote(str(output))} DATA")

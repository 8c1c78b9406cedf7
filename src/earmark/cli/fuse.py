"""`earmark fuse`: several models put together into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal
from earmark.errors import counted


def command(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Model directories with the same labels.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New directory for the fused model.")],
    quiet: choices.Quiet = False,
) -> None:
    """Fuse models into one that averages their scores.

    Front-ends and frame rates may differ. Weights are copied. Thresholds are the mean of the members' until
    'earmark tune' chooses better ones.
    """
    import shlex
    import sys

    from earmark import api
    from earmark.files import check_folder

    terminal = Terminal(quiet)
    check_folder(output.parent)
    made = api.fuse(models, output, command=shlex.join(["earmark", *sys.argv[1:]]))
    terminal.say(f"{counted(len(made.members), 'model')} fused in {output}; operating point: {made.point.origin}")
    terminal.say(f"tune it for better results: earmark tune {shlex.quote(str(output))} DATA")

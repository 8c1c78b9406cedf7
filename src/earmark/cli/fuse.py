"""`earmark fuse`: several models put together into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal
from earmark.report.tables import counted


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

    from earmark import api
    from earmark.files import check_folder

    terminal = Terminal(quiet)
    check_folder(output.parent)
    made = api.fuse(models, output, command=shlex.join(["earmark", *sys.argv[1:]]))
    terminal.say(f"{counted(len(made.members), 'model')} as one in {output}; decided by {made.point.origin}")
    terminal.say(f"better: earmark tune {shlex.quote(str(output))} DATA")

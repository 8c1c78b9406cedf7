"""`earmark merge`: the parts of an archive put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, Terminal


def command(
    parts: Annotated[list[Path], typer.Argument(metavar="OUT...", help="Folders that --shard i/n wrote, all of them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to, or a file.")],
    formats: Annotated[
        list[str], typer.Option("--format", "-f", help="Formats to write. Default: those of the parts.")
    ] = [],  # noqa: B006 - the command line's default, never changed
    quiet: choices.Quiet = False,
) -> None:
    """Join the results of shards into one folder.

    It holds what one run over all recordings would have written.
    """
    from earmark import api
    from earmark.cli.recordings import say_written
    from earmark.errors import counted

    terminal = Terminal(quiet)
    merged = api.merge(parts, output, formats=formats)
    say_written(terminal, merged, output)
    account = merged.account
    what = "event" if merged.verb == "detect" else "tag"
    terminal.say(f"{counted(account.items, what)} in {counted(account.scored, 'recording')}")
    terminal.faults(account.partial, "recordings that could be read only in part")
    terminal.faults(account.failed, "recordings that could not be used")
    raise typer.Exit(OK if merged.complete else SOME_FAILED)

"""`earmark review`: look at detected events one by one, and learn how far they can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import BarReporter, Terminal


def command(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder or table that 'earmark detect -o' wrote.")],
    audio: Annotated[
        Path | None,
        typer.Option(
            "--audio", help="Folder of the recordings. Default: where 'detect' found them, or beside RESULTS."
        ),
    ] = None,
    models: Annotated[
        list[Path],
        typer.Option("--model", "-m", help="Model for recordings that are opened on the page.", show_default=False),
    ] = [],  # noqa: B006 - the command line's default, never changed
    host: choices.Host = "127.0.0.1",
    port: choices.Port = 8765,
    token: choices.Token = None,
    quiet: choices.Quiet = False,
) -> None:
    """Review detected events in a browser.

    Confirm, reject and correct events, and add missed ones. Every verdict is stored at once in RESULTS/review.jsonl,
    and the same command goes on where you left. The page shows the precision of each label at each threshold, and
    exports label files and tables for training.
    """
    from earmark import api

    api.serve(
        models,
        host=host,
        port=port,
        token=token,
        review=results,
        audio=audio,
        reporter=BarReporter(Terminal(quiet)),
    )

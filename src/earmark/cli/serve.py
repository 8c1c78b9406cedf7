"""`earmark serve`: the page and the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import BarReporter, Terminal


def command(
    models: Annotated[
        list[Path],
        typer.Option(
            "--model",
            "-m",
            help=(
                "Model directory, or the name of a public model; several are served side by side. Default: "
                "earmark/everyday, which is part of the package."
            ),
            show_default=False,
        ),
    ] = [],  # noqa: B006 - the command line's default, never changed
    host: choices.Host = "127.0.0.1",
    port: choices.Port = 8765,
    token: choices.Token = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder whose recordings the page may open. Default: uploads alone.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for operating points and reviews that are saved.")
    ] = Path("earmark-page"),
    max_upload: Annotated[float, typer.Option("--max-upload", min=0.001, help="Megabytes of an upload.")] = 1024.0,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Recordings scored at once.")] = 2,
    waiting: Annotated[
        int, typer.Option("--waiting", min=0, help="Recordings that may wait; more are refused with 503.")
    ] = 64,
    cors: Annotated[
        list[str], typer.Option("--cors", help="Origin whose pages may call, such as https://example.org.")
    ] = [],  # noqa: B006 - the same
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    engine: choices.Engine = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Serve a page to look at recordings, and an HTTP API.

    Ends at Ctrl-C or SIGTERM, when what is begun is finished.
    """
    from earmark import api

    api.serve(
        models,
        host=host,
        port=port,
        token=token,
        root=root,
        output=output,
        max_upload=round(max_upload * 2**20),
        jobs=jobs,
        waiting=waiting,
        origins=cors,
        device=device,
        precision=precision,
        engine=engine,
        reporter=BarReporter(Terminal(quiet)),
    )

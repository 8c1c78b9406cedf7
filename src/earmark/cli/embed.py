"""`earmark embed`: recordings as vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, BarReporter, Terminal


def command(
    inputs: choices.Inputs = [],  # noqa: B006 - the command line's default, never changed
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path(),
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Model directory, or the name of a public model. Default: earmark/everyday, part of the package.",
            show_default=False,
        ),
    ] = None,
    per: Annotated[
        Literal["frame", "second", "clip"],
        typer.Option("--per", help="A vector for each frame of the model, for each second, or for the recording."),
    ] = "frame",
    form: Annotated[
        Literal["npz", "parquet"],
        typer.Option("--format", "-f", help="npz for numpy; parquet for pandas and query engines."),
    ] = "npz",
    files_from: choices.FilesFrom = [],  # noqa: B006 - the same
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard", metavar="i/n", help="Do part i of n of the recordings; 'earmark similar' takes all the folders."
        ),
    ] = None,
    processes: choices.Processes = None,
    ray: choices.Ray = None,
    allow_remote: choices.AllowRemote = False,
    overwrite: choices.Overwrite = False,
    retry_failed: choices.RetryFailed = False,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Write embeddings of files and folders.

    A vector is the output of the model's encoder, before any layer of its classifier. Each recording becomes a file;
    the same command goes on where it was stopped.
    """
    from earmark import api
    from earmark.errors import ConfigError, counted

    if output == Path():
        raise ConfigError("embeddings are written into a folder: add -o FOLDER")
    terminal = Terminal(quiet)
    with BarReporter(terminal) as reporter:
        found = api.embed(
            inputs,
            output,
            model=model,
            per=per,
            format=form,
            files_from=files_from,
            shard=shard,
            overwrite=overwrite,
            retry_failed=retry_failed,
            processes=processes,
            ray=ray,
            allow_remote=allow_remote,
            device=device,
            precision=precision,
            reporter=reporter,
        )
    card, account = found.set.card, found.account
    vectors = counted(sum(entry.vectors for entry in found.set.entries), "vector")
    terminal.say(f"wrote {vectors} of {card.values} values for {counted(account.scored, 'recording')} into {output}")
    for line in found.notices:
        terminal.say(line)
    terminal.faults(account.partial, "recordings that could be read only in part")
    terminal.faults(account.failed, "recordings that could not be used")
    raise typer.Exit(OK if found.complete else SOME_FAILED)

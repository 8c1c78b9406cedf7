"""`earmark tag`: what is in each recording."""

from __future__ import annotations

import time

import typer

from earmark.cli import choices


def command(
    inputs: choices.Inputs = [],  # noqa: B006 - the command line's default, never changed
    models: choices.Models = [],  # noqa: B006 - the same
    output: choices.Output = None,
    formats: choices.TagFormats = ["csv"],  # noqa: B006 - the same
    min_score: choices.MinScore = 0.0,
    threshold: choices.Threshold = None,
    operating_point: choices.OperatingPointFile = None,
    ontology: choices.Ontology = None,
    files_from: choices.FilesFrom = [],  # noqa: B006 - the same
    shard: choices.ShardName = None,
    processes: choices.Processes = None,
    ray: choices.Ray = None,
    allow_remote: choices.AllowRemote = False,
    overwrite: choices.Overwrite = False,
    retry_failed: choices.RetryFailed = False,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    engine: choices.Engine = "auto",
    profile: choices.Profile = False,
    quiet: choices.Quiet = False,
) -> None:
    """Print or write the tags of files and folders.

    A tag of a long recording may hold for only part of it.
    """
    arguments = {**locals(), "began": time.perf_counter()}
    from earmark.cli.recordings import run

    raise typer.Exit(run("tag", **arguments))

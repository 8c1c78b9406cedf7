"""`earmark train`: weak labels in, model directory out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import LEFT_OUT, OK, SOME_FAILED, Terminal


def command(
    data: choices.Data,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Model directory to write; a stopped run continues there.")
    ],
    recipe: Annotated[str, typer.Option("--recipe", help="Name of a recipe, or path of a YAML file.")] = "default",
    changes: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key of the recipe, e.g. training.learning_rate=5e-4; may be repeated.",
        ),
    ] = [],  # noqa: B006 - the command line's default, never changed
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Start from this model with new labels, or from 'none'. Default: chosen by the data.",
        ),
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(
            "--freeze",
            metavar="encoder|blocks|N|none",
            help="With --from: do not train the encoder, or only its convolution blocks, or its N lowest blocks.",
        ),
    ] = None,
    audio: choices.Audio = None,
    separator: choices.Separator = None,
    label_column: choices.LabelColumn = None,
    valid: Annotated[
        Path | None, typer.Option("--valid", help="Validation data; with strong labels, detection is tuned on it.")
    ] = None,
    valid_audio: Annotated[Path | None, typer.Option("--valid-audio", help="Folder of the validation audio.")] = None,
    valid_fraction: Annotated[
        float,
        typer.Option(
            "--valid-fraction",
            min=0,
            max=0.9,
            help="Share of clips set aside for validation if neither --valid nor a split column names them.",
        ),
    ] = 0.15,
    valid_fold: Annotated[
        str | None, typer.Option("--valid-fold", help="Value of the split or fold column that marks validation clips.")
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option("--unlabelled", help="Folder or list of recordings without labels, for self-training."),
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Number of epochs.")] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Total number of updates, instead of --epochs.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all randomness.")] = 0,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Number of GPUs, or of processes on the CPU.")
    ] = 1,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Number of processes that load data.")] = 0,
    cache: Annotated[
        Literal["auto", "on", "off", "device"],
        typer.Option(
            "--cache",
            help="Decode clips once and keep them on disk beside the model; device: and in the memory of the GPU. "
            "auto: on disk where they take less than 20 GB, and in the memory of one GPU that has plenty.",
        ),
    ] = "auto",
    profile: Annotated[
        bool, typer.Option("--profile", help="Print where the time went, and write it in detail to MODEL/training.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start again, replacing an existing model or run.")
    ] = False,
    quiet: choices.Quiet = False,
) -> None:
    """Train a model on clips that carry only tags.

    A run that was stopped continues with the same command.
    """
    from earmark import api
    from earmark.evaluation.tuning import advice
    from earmark.training.run import is_follower, require_engine

    require_engine()
    from earmark.cli.training_progress import TrainingReporter

    terminal = Terminal(quiet or is_follower())
    with TrainingReporter(terminal) as reporter:
        made = api.train(
            data,
            output,
            recipe=recipe,
            changes=changes,
            start_from=origin,
            freeze=freeze,
            audio=audio,
            separator=separator,
            label_column=label_column,
            valid=valid,
            valid_audio=valid_audio,
            valid_fraction=valid_fraction,
            valid_fold=valid_fold,
            unlabelled=unlabelled,
            epochs=epochs,
            steps=steps,
            seed=seed,
            device=device,
            precision=precision,
            processes=processes,
            workers=workers,
            cache=cache,
            profile=profile,
            overwrite=overwrite,
            command=shlex.join(["earmark", *sys.argv[1:]]),
            reporter=reporter,
        )
    if is_follower():
        raise typer.Exit(OK)
    if made.trained is None:
        terminal.say(f"{output} is already finished; use --overwrite to train it again")
        raise typer.Exit(OK)
    for line in made.profiled:
        terminal.say(line)
    if made.profile is not None:
        terminal.say(f"where the time went is in {made.profile}")
    if made.trained.evaluation is not None:
        terminal.metrics(
            made.trained.evaluation.to_json(), ("on the validation clips, on which it was also tuned (optimistic)")
        )
    else:
        terminal.say("no validation clips, so no metrics")
    for line in advice(made.trained.point):
        terminal.say(line)
    terminal.say(f"the model is in {output}")
    terminal.faults([str(problem) for problem in made.problems], LEFT_OUT)
    raise typer.Exit(SOME_FAILED if made.problems else OK)

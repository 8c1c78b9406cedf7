"""`earmark train`: weak labels in, model directory out."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import OK, SOME_FAILED, Terminal


def command(
    data: choices.Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Model directory to make; a stopped run goes on.")],
    recipe: Annotated[str, typer.Option("--recipe", help="Name of a recipe, or a YAML file.")] = "default",
    changes: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="Change a key, e.g. training.learning_rate=5e-4.")
    ] = [],  # noqa: B006 - the command line's default, never changed
    audio: choices.Audio = None,
    valid: Annotated[
        Path | None, typer.Option("--valid", help="Validation data of its own; strong labels tune detection.")
    ] = None,
    valid_audio: Annotated[Path | None, typer.Option("--valid-audio", help="Folder of its audio.")] = None,
    valid_fraction: Annotated[
        float,
        typer.Option("--valid-fraction", min=0, max=0.9, help="Share of clips set aside, when nothing says which."),
    ] = 0.15,
    valid_fold: Annotated[
        str | None, typer.Option("--valid-fold", help="Value of the split/fold column that validates.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the data.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Updates in all, in place of --epochs.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Everything random follows from it.")] = 0,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    processes: Annotated[int, typer.Option("--processes", min=1, help="GPUs, or processes on CPU.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that load data.")] = 0,
    cache: Annotated[
        Literal["auto", "on", "off"], typer.Option("--cache", help="Decode clips once, to disk beside the model.")
    ] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew where a model or a run is.")] = False,
    quiet: choices.Quiet = False,
) -> None:
    """Train a model on clips that carry tags only. Stopped, the same command goes on where it stopped."""
    from earmark.data.reading import Wanted, read_parts
    from earmark.recipes import load_recipe
    from earmark.runtime import resolve_device, resolve_precision, tune_allocator
    from earmark.training.card import write_card
    from earmark.training.job import Request, is_finished, require_engine, save_model, train_model

    require_engine()
    from earmark.cli.training_progress import TrainingReporter
    from earmark.training.loop import Machine

    terminal = Terminal(quiet)
    chosen = load_recipe(recipe, changes)
    training, valid_part = (
        chosen.training.lasting(epochs, steps),
        Wanted(valid, valid_audio, valid_fraction, valid_fold),
    )
    train_part, valid_clips, doubts = read_parts(data, audio, valid_part, seed)
    if overwrite and (output / "training").is_dir():
        shutil.rmtree(output)
    request = Request(
        train_part, valid_clips, chosen.network, training, output, seed,
        chosen.model_copy(update={"training": training}).to_yaml(), cache,
    )  # fmt: skip
    if is_finished(output):
        request.check_same()
        terminal.say(f"{output} is finished already; --overwrite trains anew")
        return
    tune_allocator()
    machine = Machine(resolve_device(device), precision, processes, workers)
    actual = resolve_precision(machine.precision, machine.device)
    terminal.say(
        f"training {chosen.name!r} on {len(train_part)} clips of {len(train_part.labels)} labels, "
        f"validating on {len(valid_clips) if valid_clips else 'none'}; {machine.device}, {actual}"
    )
    trained = train_model(request, machine, TrainingReporter(terminal))
    line = shlex.join(["earmark", *sys.argv[1:]])
    save_model(request, trained, write_card(request, trained, name=output.name, recipe=chosen.name, command=line))
    if trained.evaluation is not None:
        from earmark.report.tables import overall_table

        terminal.table(overall_table(trained.evaluation.to_json()), "on the validation clips, tuned on them as well")
    else:
        terminal.say("no validation clips: every threshold stays at 0.5; 'earmark tune' chooses better ones")
    terminal.say(f"the model is in {output}")
    faults = [str(problem) for problem in (*doubts, *trained.problems)]
    terminal.faults(faults, "clips or rows were left out")
    raise typer.Exit(SOME_FAILED if faults else OK)

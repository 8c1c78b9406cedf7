"""`earmark train`: weak labels in, model directory out."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from earmark.cli import choices
from earmark.cli.console import LEFT_OUT, OK, SOME_FAILED, Terminal, count

if TYPE_CHECKING:
    from earmark.data.records import Problem
    from earmark.training.job import Trained


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
    from earmark.cli.writing import check_folder
    from earmark.data.reading import Wanted, read_parts
    from earmark.recipes import load_recipe
    from earmark.runtime import resolve_device, tune_allocator
    from earmark.training.card import write_card
    from earmark.training.job import require_engine, save_model, tidy, train_model
    from earmark.training.request import Request, clear, is_finished

    require_engine()
    from earmark.cli.training_progress import TrainingReporter, is_follower
    from earmark.training.loop import Machine

    terminal = Terminal(quiet or is_follower())
    chosen = load_recipe(recipe, changes)
    training = chosen.training.lasting(epochs, steps)
    on = resolve_device(device)
    part = Wanted(valid, valid_audio, valid_fraction, valid_fold)
    train_part, valid_part, doubts = read_parts(data, audio, part, seed)
    if overwrite and not is_follower():
        clear(output)
    request = Request(
        train_part, valid_part, chosen.network, training, output, seed,
        chosen.model_copy(update={"training": training}).to_yaml(), cache,
    )  # fmt: skip
    request.check()
    if is_finished(output):
        tidy(request)
        terminal.say(f"{output} is finished already; --overwrite trains anew")
        return
    check_folder(output)
    tune_allocator()
    machine = Machine(on, request.precision(precision, on), processes, workers)
    terminal.say(
        f"training {chosen.name!r} on {count(len(train_part), 'clip')} of {count(len(train_part.labels), 'label')}, "
        f"validating on {len(valid_part) if valid_part else 'none'}; {machine.device}, {machine.precision}"
    )
    with TrainingReporter(terminal) as reporter:
        trained = train_model(request, machine, reporter)
    if not is_follower():
        line = shlex.join(["earmark", *sys.argv[1:]])
        save_model(request, trained, write_card(request, trained, name=output.name, recipe=chosen.name, command=line))
        raise typer.Exit(_tell(terminal, output, trained, doubts))


def _tell(terminal: Terminal, output: Path, trained: Trained, doubts: Sequence[Problem]) -> int:
    """Say what came of a training; the exit code."""
    if trained.evaluation is not None:
        terminal.metrics(trained.evaluation.to_json(), "on the validation clips, tuned on them as well")
    else:
        terminal.say("no validation clips: every threshold stays at 0.5; 'earmark tune' chooses better ones")
    terminal.say(f"the model is in {output}")
    faults = [str(problem) for problem in (*doubts, *trained.problems)]
    terminal.faults(faults, LEFT_OUT)
    return SOME_FAILED if faults else OK

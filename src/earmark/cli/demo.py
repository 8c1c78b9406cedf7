"""`earmark demo`: the whole road on sounds made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark.cli import choices
from earmark.cli.console import Terminal


def command(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the data, the model and the report.")
    ] = Path("earmark-demo"),
    seed: Annotated[int, typer.Option("--seed", help="Everything random follows from it.")] = 0,
    clips: Annotated[int, typer.Option("--clips", min=16, help="Clips to train on.")] = 320,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the data.")] = None,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Make sounds, train on their tags, tune, evaluate, and write a report: about two minutes on two cores."""
    from earmark.files import check_folder
    from earmark.training.run import require_engine

    require_engine()
    from earmark.cli.training_progress import TrainingReporter
    from earmark.devices import resolve_device, tune_allocator
    from earmark.studies.demo import Demo, run_demo
    from earmark.training.loop import Machine

    check_folder(output)
    tune_allocator()
    terminal = Terminal(quiet)
    terminal.say(f"making sounds, training on their tags; everything goes to {output}")
    machine = Machine(resolve_device(device), precision)
    with TrainingReporter(terminal) as reporter:
        metrics = run_demo(output, Demo.of(clips, epochs, seed), machine, reporter)
    terminal.metrics(metrics, "on test recordings that the model never saw")
    terminal.say(f"\nlook at {output / 'report.html'}; try: earmark detect YOUR.wav -m {output / 'model'}")

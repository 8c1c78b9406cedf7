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
    seed: Annotated[int, typer.Option("--seed", help="Seed of all randomness.")] = 0,
    clips: Annotated[int, typer.Option("--clips", min=16, help="Number of training clips.")] = 320,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Number of training epochs.")] = None,
    device: choices.Device = "auto",
    precision: choices.Precision = "auto",
    quiet: choices.Quiet = False,
) -> None:
    """Make sounds, then train, tune and evaluate a model on them.

    It takes about two minutes on two cores and writes an HTML report.
    """
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
    terminal.say(f"making sounds and training on their tags; all files go to {output}")
    machine = Machine(resolve_device(device), precision)
    with TrainingReporter(terminal) as reporter:
        metrics = run_demo(output, Demo.of(clips, epochs, seed), machine, reporter)
    terminal.metrics(metrics, "on test recordings that were not used for training")
    terminal.say(f"\nopen {output / 'report.html'}; try: earmark detect YOUR.wav -m {output / 'model'}")

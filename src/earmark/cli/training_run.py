"""What `earmark train` does once it knows what is asked: one training, or the members of a fusion one by one."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earmark.cli.console import LEFT_OUT, OK, SOME_FAILED, Terminal, count
from earmark.cli.training_progress import TrainingReporter, is_follower
from earmark.cli.writing import check_folder
from earmark.data.records import Problem
from earmark.devices import Precision, tune_allocator
from earmark.training.card import write_card
from earmark.training.job import Trained, save_model, tidy, train_model
from earmark.training.loop import PROFILE, Machine
from earmark.training.request import STATE, Request, is_finished
from earmark.training.systems import Systems, save_systems, tidy_systems, train_systems


@dataclass(frozen=True)
class Command:
    """How it is to be done, and who is told."""

    terminal: Terminal
    doubts: Sequence[Problem]  # what reading the data found
    device: str
    precision: Precision
    processes: int
    workers: int
    profile: bool = False


def train_one(command: Command, request: Request, recipe: str) -> int:
    """Train a model, or find that it is finished; the exit code."""
    request.check()
    if is_finished(request.output):
        tidy(request)
        return _finished(command, request.output)
    check_folder(request.output)
    trained = _train(command, request, recipe, request.output.name)
    return OK if is_follower() else _tell(command, request.output, trained)


def train_fused(command: Command, request: Systems, recipe: str) -> int:
    """Train what members are not finished, fuse them and tune the fusion; the exit code."""
    request.check()
    if is_finished(request.output):
        tidy_systems(request)
        return _finished(command, request.output)
    check_folder(request.output)
    problems: dict[Problem, None] = {}  # each once, whichever members met it

    def train(name: str, member: Request) -> None:
        trained = _train(command, member, f"{name} of {recipe}", f"{request.output.name}/{name}")
        problems.update(dict.fromkeys(trained.problems))

    with TrainingReporter(command.terminal) as reporter:
        trained = train_systems(request, train, command.device, reporter)
    problems.update(dict.fromkeys(trained.problems))
    card = write_card(request, trained, name=request.output.name, recipe=recipe, command=_line())
    save_systems(request, trained, card)
    return _tell(command, request.output, trained, tuple(problems))


def _train(command: Command, request: Request, recipe: str, name: str) -> Trained:
    """Train and save one model."""
    tune_allocator()
    precision = request.precision(command.precision, command.device)
    machine = Machine(command.device, precision, command.processes, command.workers, command.profile)
    beginning = f" from {request.source.name}" if request.source else ""
    command.terminal.say(
        f"training {recipe!r}{beginning} on {count(len(request.train), 'clip')} "
        f"of {count(len(request.train.labels), 'label')}, "
        f"validating on {len(request.valid) if request.valid else 'none'}; {machine.device}, {machine.precision}"
    )
    with TrainingReporter(command.terminal) as reporter:
        trained = train_model(request, machine, reporter)
    if command.profile:
        command.terminal.say(f"where the time went is in {request.output / STATE / PROFILE}")
    if not is_follower():
        save_model(request, trained, write_card(request, trained, name=name, recipe=recipe, command=_line()))
    return trained


def _line() -> str:
    return shlex.join(["earmark", *sys.argv[1:]])


def _finished(command: Command, output: Path) -> int:
    command.terminal.say(f"{output} is finished already; --overwrite trains anew")
    return OK


def _tell(command: Command, output: Path, trained: Trained, problems: Sequence[Problem] | None = None) -> int:
    """Say what came of a training; the exit code."""
    terminal = command.terminal
    if trained.evaluation is not None:
        terminal.metrics(trained.evaluation.to_json(), "on the validation clips, tuned on them as well")
    else:
        terminal.say("no validation clips: every threshold stays at 0.5; 'earmark tune' chooses better ones")
    terminal.say(f"the model is in {output}")
    faults = [str(problem) for problem in (*command.doubts, *(trained.problems if problems is None else problems))]
    terminal.faults(faults, LEFT_OUT)
    return SOME_FAILED if faults else OK

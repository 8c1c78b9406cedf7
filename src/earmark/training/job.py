"""The whole job: labelled clips in, model directory out, resumed where it stopped.

What is asked for, and the directory it fills, is in `request.py`; decoding, and what cannot be used, in `preparing.py`;
the operating point in `deciding.py`; a network before its first update in `beginning.py`, the training, or that of a
teacher and its student, in `stages.py`. Here all this is put together, with the model's files.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import safetensors.torch

from earmark.data.records import Problem
from earmark.decisions import OperatingPoint
from earmark.decisions.tuning import TuningReport
from earmark.errors import DataError, MissingExtraError
from earmark.evaluation.labelled import Progress
from earmark.files import write_text
from earmark.metrics.evaluation import Evaluation
from earmark.models.directory import write_model
from earmark.models.fusion import Fusion, Model
from earmark.models.tagger import Tagger
from earmark.training.averaging import epoch_file
from earmark.training.operating_point import decide
from earmark.training.preparing import prepare
from earmark.training.request import STATE, Request, clear
from earmark.training.transfer import release

if TYPE_CHECKING:
    import lightning

    from earmark.training.callbacks import Row
    from earmark.training.loop import Machine


@dataclass(frozen=True)
class Trained:
    """What came of it."""

    model: Model
    point: OperatingPoint
    history: Sequence[Row]
    clips: tuple[int, int]  # trained on, validated on
    problems: tuple[Problem, ...]  # clips and labels left out
    evaluation: Evaluation | None  # on the validation clips, at the tuned operating point
    tuning: TuningReport | None
    unlabelled: int = 0  # clips without labels that a student was trained on as well


class Reporter:
    """Is told how the job goes on; the command line draws bars, this one keeps quiet."""

    def stage(self, text: str) -> Progress | None:
        """A stage begins; the returned function, if any, is called with (done, all)."""
        return None

    def callbacks(self) -> list[lightning.Callback]:
        """Callbacks for the training engine."""
        return []


def require_engine() -> None:
    """`MissingExtraError` when the training engine or its log is not installed."""
    for package in ("lightning", "tensorboard"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train", "training")


def train_model(request: Request, machine: Machine, reporter: Reporter | None = None) -> Trained:
    """Train, average or fuse epochs, tune.

    `ConfigError` when the directory holds another run, `DataError` on unusable data.
    """
    from earmark.training.stages import Stages, check_processes

    reporter = reporter or Reporter()
    machine = replace(machine, precision=request.precision(machine.precision, machine.device))
    check_processes(request, machine)
    fresh = request.claim(machine.precision)
    try:
        clips = prepare(request, reporter.stage)
    except DataError:
        if fresh:
            clear(request.output)  # nothing was trained: leave no directory that looks as if
        raise
    with _interruptible():
        tagger, history = Stages(request, clips, machine, reporter).train()
    if request.source is not None:
        release(tagger)
    model = _fused_epochs(request, tagger) if request.training.fuse else tagger
    named = request.training.operating_point
    decided = decide(model, request.valid, named, seed=request.seed, device=machine.device, stage=reporter.stage)
    counts, extra = (len(clips.train), len(clips.valid or ())), len(clips.unlabelled or ())
    return Trained(model, decided.point, history, counts, clips.problems, decided.evaluation, decided.tuning, extra)


def save_model(request: Request, trained: Trained, card: str) -> None:
    """Write what makes the directory a model, config.json last, and clear away what only the run needed."""
    write_text(request.output / "README.md", card)
    write_model(trained.model, request.output, trained.point)
    tidy(request)


def tidy(request: Request) -> None:
    """Clear away what only the run needed; the model is whole without it."""
    shutil.rmtree(request.output / "cache", ignore_errors=True)
    state = request.output / STATE
    for path in [state / "last.ckpt", *([] if request.training.keep_epochs else state.glob("epoch-*.safetensors"))]:
        path.unlink(missing_ok=True)
    (state / "teacher.json").unlink(missing_ok=True)  # log.csv holds its rows


def _fused_epochs(request: Request, tagger: Tagger) -> Fusion:
    """The models that `tagger` was after the epochs that are to be fused."""
    members = []
    for epoch in request.training.model_epochs:
        member = Tagger(tagger.options)
        member.load_state_dict(safetensors.torch.load_file(epoch_file(request.output / STATE, epoch)))
        members.append(member)
    return Fusion(members, [epoch_file(request.output, epoch).stem for epoch in request.training.model_epochs])


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """The engine turns Ctrl-C and SIGTERM into exits of its own and goes deaf to Ctrl-C; give both back."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as leave:
        if isinstance(leave.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise SystemExit(leave.code or 128 + signal.SIGTERM) from None
    finally:
        if signal.getsignal(signal.SIGINT) is not before:
            signal.signal(signal.SIGINT, before)

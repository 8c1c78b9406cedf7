"""A training from request to model directory: trained, tuned, saved, and resumed where it stopped.

    MODEL/members/NAME/   in place of one network's weights, where a recipe has members: a training and a model each

What is asked for, and how a directory is recognised as its own, is in `request.py`; decoding, and what cannot be used,
in `preparing.py`; the network before its first update in `origin.py`; one training, or that of a teacher and
its student, in `stages.py`; the operating point in `operating_point.py`. Here they are put together.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace

import safetensors.torch

from earmark.decisions import FILE_NAME
from earmark.errors import DataError, MissingExtraError, OutputError, counted
from earmark.files import check_folder, write_text
from earmark.models.directory import load_model, write_fusion, write_model
from earmark.models.fusion import Fusion
from earmark.models.network import Network
from earmark.reporter import QUIET, Reporter
from earmark.training.card import Trained, write_card
from earmark.training.loop import Machine
from earmark.training.operating_point import choose_point
from earmark.training.preparing import prepare
from earmark.training.request import STATE, FusedRequest, Request, alone, clear_run, is_finished
from earmark.training.stages import Stages, check_processes
from earmark.training.transfer import release
from earmark.training.weights import epoch_file


def require_engine() -> None:
    """`MissingExtraError` when the training engine or its log is not installed."""
    for package in ("lightning", "tensorboard"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train", "training")


@dataclass(frozen=True)
class Run:
    """A request carried out on a machine."""

    request: Request | FusedRequest
    machine: Machine
    reporter: Reporter = QUIET
    recipe: str = ""  # its name, for the model card
    command: str = ""  # how it was started, for the model card
    name: str = ""  # of the model, for its card; empty: that of its directory

    def execute(self) -> Trained | None:
        """Train and save what is not finished; None where the directory holds the finished model already.

        `ConfigError` and `OutputError` where the directory is not this run's, `DataError` on unusable data.
        """
        self.request.check()
        if is_finished(self.request.output):
            with contextlib.suppress(OutputError), alone(self.request.output):  # where it can be written
                self.tidy()
            return None
        if is_follower():
            return self.train()
        check_folder(self.request.output)
        with alone(self.request.output):
            trained = self.train()
            self.save(trained)
        return trained

    def train(self) -> Trained:
        """Train and tune; nothing is saved but what the run needs to go on."""
        if isinstance(self.request, FusedRequest):
            return self._train_members(self.request)
        return self._train_one(self.request)

    def save(self, trained: Trained) -> None:
        """Write what makes the directory a model, config.json last, and clear away what only the run needed."""
        output = self.request.output
        card = write_card(
            self.request, trained, name=self.name or output.name, recipe=self.recipe, command=self.command
        )
        if isinstance(self.request, FusedRequest):
            assert isinstance(trained.model, Fusion)
            trained.point.save(output / FILE_NAME)
            write_text(output / "README.md", card)
            write_fusion(trained.model, output)
        else:
            write_text(output / "README.md", card)
            write_model(trained.model, output, trained.point)
        self.tidy()

    def tidy(self) -> None:
        """Clear away what only the run needed; the model is whole without it."""
        if isinstance(self.request, FusedRequest):
            for name in self.request.members:
                self._member(name).tidy()
            return
        request = self.request
        shutil.rmtree(request.output / "cache", ignore_errors=True)
        state = request.output / STATE
        epochs = [] if request.training.keep_epochs else state.glob("epoch-*.safetensors")
        for path in [state / "last.ckpt", *epochs]:
            path.unlink(missing_ok=True)
        (state / "teacher.json").unlink(missing_ok=True)  # log.csv holds its rows

    def _train_one(self, request: Request) -> Trained:
        machine = replace(self.machine, precision=request.precision(self.machine.precision, self.machine.device))
        check_processes(request, machine)
        stage = self.reporter.stage
        begun = f" from {request.source.name}" if request.source else ""
        validated = f"validating on {counted(len(request.valid), 'clip')}" if request.valid else "no validation"
        self.reporter.say(
            f"training {self.recipe!r}{begun} on {counted(len(request.train), 'clip')} of "
            f"{counted(len(request.train.labels), 'label')}, {validated}; {machine.device}, {machine.precision}"
        )
        with _claimed(request, machine):
            clips = prepare(request, stage)
        stages = Stages(request, clips, machine, self.reporter)
        with _interruptible():
            network, history = stages.train()
        if request.source is not None:
            release(network)
        model = _fused_epochs(request, network) if request.training.fuse else network
        named = request.training.operating_point
        chosen = choose_point(
            model,
            request.valid,
            named,
            seed=request.seed,
            device=machine.device,
            stage=stage,
            kept=stages.kept(network),
        )
        return Trained(
            model,
            chosen.point,
            history,
            (len(clips.train), len(clips.valid or ())),
            clips.problems,
            chosen.evaluation,
            chosen.tuning,
            len(clips.unlabelled or ()),
        )

    def _train_members(self, request: FusedRequest) -> Trained:
        """Train the members that are not finished, and tune their fusion on the validation clips."""
        problems = {}
        with _claimed(request):
            for name, member in request.members.items():
                if not is_finished(member.output):
                    trained = self._member(name).execute()
                    problems.update(dict.fromkeys(trained.problems if trained else ()))
        fusion = Fusion([load_model(member.output) for member in request.members.values()], list(request.members))
        valid, device, stage = request.first.valid, self.machine.device, self.reporter.stage
        chosen = choose_point(fusion, valid, request.operating_point, seed=request.seed, device=device, stage=stage)
        counts = len(request.first.train), len(valid) - len(chosen.problems) if valid else 0
        problems.update(dict.fromkeys(chosen.problems))
        return Trained(fusion, chosen.point, (), counts, tuple(problems), chosen.evaluation, chosen.tuning)

    def _member(self, name: str) -> Run:
        """The run of a member of a fusion."""
        assert isinstance(self.request, FusedRequest)
        recipe = f"{name} of {self.recipe}"
        title = f"{self.name or self.request.output.name}/{name}"
        return replace(self, request=self.request.members[name], recipe=recipe, name=title)


def is_follower() -> bool:
    """Whether this is one of several processes and not the first, which alone speaks and writes."""
    from lightning.pytorch.utilities import rank_zero_only

    return bool(getattr(rank_zero_only, "rank", 0))


@contextlib.contextmanager
def _claimed(request: Request | FusedRequest, machine: Machine | None = None) -> Iterator[None]:
    """Make the directory the request's own; where its data cannot be used, a directory made for it goes again."""
    fresh = request.claim(machine.precision if machine else None)
    try:
        yield
    except DataError:
        if fresh:
            clear_run(request.output)  # nothing was trained: leave no directory that looks as if
        raise


def _fused_epochs(request: Request, network: Network) -> Fusion:
    """The models that `network` was after the epochs that are to be fused."""
    members = []
    for epoch in request.training.model_epochs:
        member = Network(network.options)
        member.load_state_dict(safetensors.torch.load_file(epoch_file(request.output / STATE, epoch)))
        members.append(member)
    return Fusion(members, [epoch_file(request.output, epoch).stem for epoch in request.training.model_epochs])


_STUMBLE = "iter(combined_loader)"  # the engine asks for the length of a loader that could not begin


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """The engine turns Ctrl-C and SIGTERM into exits of its own and goes deaf to Ctrl-C; give both back.

    It may also stumble while it ends, and raises that instead: what it stumbled over is not what went wrong.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except BaseException as error:
        met = list(_contexts(error))
        if any(isinstance(each, KeyboardInterrupt) for each in met):
            raise KeyboardInterrupt from None
        leave = next((each for each in met if isinstance(each, SystemExit)), None)
        if leave is not None:
            raise SystemExit(leave.code or 128 + signal.SIGTERM) from None
        if len(met) > 1 and _STUMBLE in str(error):
            raise met[1] from met[1].__cause__
        raise
    finally:
        if signal.getsignal(signal.SIGINT) is not before:
            signal.signal(signal.SIGINT, before)


def _contexts(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, that during whose handling it was raised, and so on."""
    while error is not None:
        yield error
        error = error.__context__

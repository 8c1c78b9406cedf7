"""The trainings that a model takes: one; with self-training two, of a teacher and of its student.

Self-training, after Ebbers and Haeb-Umbach 2021, "Self-trained audio tagging and sound event detection in domestic
environments" (DCASE workshop):

1. The teacher is what the recipe makes without self-training, to the last bit.
2. Its scores give the frames in which each clip's labels are active (`pseudo.py`): weak labels become strong ones, with
   errors.
3. The student is the same network with weights of its own draw, or the teacher's, trained by the same recipe on the
   sum of the clips' loss and, `self_training.weight` times, that of the frames against these labels. What augmentation
   does to the sounds it does to them. The student's averaged weights are the model.

Recordings without labels can be the student's too; the teacher tags them first. What lies in MODEL/training:

    teacher/             checkpoints of the teacher, while it is trained
    teacher.json         its rows of the log; then teacher.safetensors, its weights: it is done
    pseudo.npz           the frame labels: they are done
    last.ckpt, epoch-*   of the student, as of any training

A run that is stopped goes on at the first of these that is not there. The student's clips, batches and draws follow
from a seed of its own.

Differs from the paper in: one teacher and one student, not ensembles and several rounds; the student is the same
network.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch

from earmark.augment import step_seed
from earmark.data.targets import FrameTargets
from earmark.errors import ConfigError, counted
from earmark.features import EmbeddingOptions
from earmark.files import write_aside, write_text
from earmark.models.network import Network, fill_weights
from earmark.models.torch_engine import engine_of
from earmark.reporter import Reporter
from earmark.runtime.scorer import Scorer
from earmark.training.callbacks import Row, Stage, rows_to_csv
from earmark.training.fine_tuning import better, ranking, row_of_head, take_head, train_head
from earmark.training.kept import Kept
from earmark.training.loop import ClipSet, Machine, fit
from earmark.training.module import Validation
from earmark.training.operating_point import choose_point
from earmark.training.options import TrainingOptions
from earmark.training.origin import fit_scaling, new_tagger
from earmark.training.preparing import Prepared, join, targets
from earmark.training.pseudo import pseudo_labels
from earmark.training.request import STATE, Request

TEACHER, PSEUDO = "teacher", "pseudo.npz"


@dataclass(frozen=True)
class Stages:
    """What is to be trained, from what, on what."""

    request: Request
    clips: Prepared
    machine: Machine
    reporter: Reporter
    begun: float = field(default_factory=time.monotonic)
    found: list[Kept] = field(default_factory=list)  # what the source's encoder gives, once it was asked for

    @property
    def state(self) -> Path:
        """Folder of the run's state."""
        return self.request.output / STATE

    def train(self) -> tuple[Network, list[Row]]:
        """All stages that are not done: the trained network, and the rows of the log."""
        training = self.request.training
        if training.self_training is None:
            network = self._begun(Stage())
            if self._head_alone():
                return network, self._rows_of_head(network)
            rows = self._fit(network, self._labelled(), training, self.request.seed, Stage())
            return self._better(network), rows
        rows, teacher = self._taught()
        frames = self._frames(teacher)
        student = new_tagger(self.request, self.clips.labels, "student")
        if training.self_training.begin == "teacher":
            student.load_state_dict(teacher.state_dict())
        else:
            student.scaling.load_state_dict(teacher.scaling.state_dict())
        extra = self.clips.unlabelled
        store = self.clips.train if extra is None else join(self.clips.train, extra)
        seed = step_seed(self.request.seed, 0, "student/draws")
        stage = Stage("student", 2, before=tuple(rows))
        return student, self._fit(student, ClipSet(store, frames.labels, frames), training.of_student, seed, stage)

    def _begun(self, stage: Stage) -> Network:
        """A network as it is before its first update; of a training that goes on the checkpoint has the scaling."""
        network = new_tagger(self.request, self.clips.labels)
        goes_on = (self.request.output / stage.state / "last.ckpt").is_file()
        if self.request.network.scale_bands and self.request.source is None and not goes_on:
            fit_scaling(network, self.clips.train, self.reporter.stage("per-band scaling"))
        head = self.request.training.head
        if head is not None and self.request.source is not None and not goes_on:
            told, seed = self.reporter.stage("training the head"), self.request.seed
            kept = self._kept(network)
            train_head(
                network,
                self.clips.train,
                self.state,
                head,
                seed=seed,
                device=self.machine.device,
                progress=told,
                kept=kept,
            )
            if kept is not None:
                self._say_kept(kept)
        return network

    def _say_kept(self, kept: Kept) -> None:
        if kept.used:
            self.reporter.say(f"the encoder's output for {counted(kept.used, 'clip')} was kept from a former training")
        if kept.added:
            self.reporter.say(
                f"the encoder's output for {counted(kept.added, 'clip')} is kept in {kept.folder}, for further heads; "
                "--cache off keeps nothing"
            )

    def _kept(self, network: Network) -> Kept | None:
        """Where the output of an encoder is kept that is as it was in the source; None: it is not to be."""
        request, head = self.request, self.request.training.head
        if request.cache == "off" or head is None or head.copies or request.source is None:
            return None
        if isinstance(request.network.features, EmbeddingOptions):
            return None  # the features themselves are on disk
        if not self.found:
            self.found.append(Kept.of(network, self.machine.device))
        return self.found[0]

    def kept(self, network: Network) -> Kept | None:
        """The same for a network whose head alone was trained; None for any other."""
        return self._kept(network) if self._head_alone() else None

    def _head_alone(self) -> bool:
        """Whether the head is all that is trained."""
        source = self.request.source
        return self.request.training.head is not None and source is not None and source.freeze == "encoder"

    def _rows_of_head(self, network: Network) -> list[Row]:
        """The log of a training that was that of the head alone."""
        assert self.request.training.head is not None
        valid = self.clips.valid
        kept = self._kept(network)
        figures = {"valid_map": ranking(network, valid, self.machine.device, kept)} if valid else {}
        rows = [row_of_head(self.request.training.head, time.monotonic() - self.begun, figures)]
        write_text(self.request.output / "log.csv", rows_to_csv(rows))
        return rows

    def _better(self, whole: Network) -> Network:
        """The network trained as a whole, or its source's with the head that was trained alone (`fine_tuning.py`)."""
        if self.request.training.head is None or self.request.source is None or self.clips.valid is None:
            return whole

        def alone() -> Network:
            network = new_tagger(self.request, self.clips.labels)
            take_head(network, self.state)
            return network

        told = self._kept(new_tagger(self.request, self.clips.labels))
        chosen, found = better(whole, alone, self.clips.valid, self.machine.device, told)
        kept = "the network trained as a whole" if chosen is whole else "the new head on the encoder as it was"
        self.reporter.say(
            f"kept: {kept} (mAP on the validation clips {found['whole']:.3f}, of the head alone {found['head']:.3f})"
        )
        return chosen

    def _labelled(self) -> ClipSet:
        return ClipSet(self.clips.train, targets(self.clips.train, self.clips.labels))

    def _fit(self, network: Network, train: ClipSet, training: TrainingOptions, seed: int, stage: Stage) -> list[Row]:
        labels, valid = self.clips.labels, self.clips.valid
        check = Validation([clip.only(labels) for clip in valid.clips], labels, network.clock) if valid else None
        return fit(
            network,
            train,
            ClipSet(valid, targets(valid, labels)) if valid else None,
            training,
            self.request.output,
            seed=seed,
            machine=self.machine,
            validate=check,
            progress=self.reporter.callbacks(),
            stage=stage,
        )

    def _taught(self) -> tuple[list[Row], Network]:
        """The teacher and its rows of the log: from disk, after its training where they are not there yet."""
        path, log = self.state / f"{TEACHER}.safetensors", self.state / f"{TEACHER}.json"
        stage = Stage(TEACHER, 1, Path(STATE) / TEACHER)
        if not path.is_file():
            network = self._begun(stage)
            rows = self._fit(network, self._labelled(), self.request.training, self.request.seed, stage)
            write_text(log, json.dumps(rows) + "\n")
            state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
            with write_aside(path) as temporary:
                temporary.write_bytes(safetensors.torch.save(state))
        discard(self.state / TEACHER)
        try:
            rows = json.loads(log.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{log} is missing or damaged ({error}); use --overwrite to start again") from error
        teacher = new_tagger(self.request, self.clips.labels)
        fill_weights(path, teacher.state_dict())
        return rows, teacher.eval()

    def _frames(self, teacher: Network) -> FrameTargets:
        """The pseudo labels: from disk, after the teacher has listened where they are not there yet."""
        path, request, options = self.state / PSEUDO, self.request, self.request.training.self_training
        assert options is not None
        if not path.is_file():
            stage, device = self.reporter.stage, self.machine.device
            point, extra = None, self.clips.unlabelled
            if extra is not None:
                named = request.training.operating_point
                point = choose_point(teacher, request.valid, named, seed=request.seed, device=device, stage=stage).point
            scorer = Scorer(engine_of(teacher, device, self.machine.precision))
            weak = targets(self.clips.train, self.clips.labels)
            progress = stage("scoring with the teacher")
            found = pseudo_labels(
                scorer, self.clips.train, weak, options, unlabelled=extra, point=point, progress=progress
            )
            found.save(path)
        return FrameTargets.load(path)


def check_processes(request: Request, machine: Machine) -> None:
    """`ConfigError` for what cannot be divided evenly among processes."""
    if request.training.self_training is not None and machine.processes > 1:
        raise ConfigError("training.self_training runs in a single process; remove --processes")
    if request.training.head is not None and request.source is not None and machine.processes > 1:
        raise ConfigError("training.head runs in a single process; remove --processes, or set training.head=null")


def discard(folder: Path) -> None:
    """Remove the checkpoints of a stage that is done; what else lies in its folder stays."""
    for path in (folder / "last.ckpt", *folder.glob("epoch-*.safetensors")):
        path.unlink(missing_ok=True)

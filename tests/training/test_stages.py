import csv
from collections.abc import Callable
from pathlib import Path

import lightning
import numpy as np
import pytest
import safetensors.torch
import torch

from earmark.data.manifest import read_manifest
from earmark.data.reading import read_unlabelled
from earmark.data.targets import FrameTargets
from earmark.errors import ConfigError
from earmark.evaluation.report import read_log
from earmark.models.network import Network
from earmark.recipes import load_recipe
from earmark.reporter import Reporter
from earmark.training.card import Trained, write_card
from earmark.training.loop import Machine
from earmark.training.options import FuseOptions, SelfTrainingOptions, TrainingOptions
from earmark.training.request import Request
from earmark.training.run import Run

MACHINE = Machine(precision="float32")
TAUGHT = ("training.self_training.epochs=3", "training.steps_per_epoch=3", "training.average_last=2")
MIXED = ("training.augment.overlay=0.5", "training.augment.time_shift=true", "training.augment.mixup=0.2")
Ask = Callable[..., Request]


@pytest.fixture(scope="module")
def ask(collection: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    folder = tmp_path_factory.mktemp("stages")

    def call(output: str, *changes: str, **more: object) -> Request:
        basis = ("training.epochs=2", "training.clip_seconds=1.5", "network.encoder.dropout=0.2", *MIXED)
        chosen = load_recipe(str(recipe), [*basis, *changes])
        train = read_manifest(collection / "train")
        valid = read_manifest(collection / "dev", labels=train.labels)
        return Request(
            train=train,
            valid=valid,
            network=chosen.network,
            training=chosen.training,
            output=folder / output,
            **more,
        )

    return call


class StoppedError(Exception):
    """What stops a run in these tests."""


class Stop(Reporter, lightning.Callback):
    """Stops a run after an update of one of its stages, or while the teacher listens."""

    def __init__(self, stage: int, step: int) -> None:
        self.place, self.begun, self.step = stage, 0, step

    def callbacks(self) -> list[lightning.Callback]:
        self.begun += 1
        return [self]

    def on_train_batch_end(self, trainer: lightning.Trainer, *rest: object) -> None:
        if self.begun == self.place and trainer.global_step == self.step:
            raise StoppedError

    def stage(self, text: str) -> Callable[[int, int], None] | None:
        def progress(done: int, of: int) -> None:
            if text == "scoring with the teacher" and self.place == 0 and done == self.step:
                raise StoppedError

        return progress


def log(request: Request) -> list[dict[str, str]]:
    with (request.output / "log.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def finish(request: Request, trained: Trained) -> str:
    card = write_card(request, trained, name="m", recipe="tiny", command="")
    Run(request, MACHINE).save(trained)
    return card


@pytest.fixture(scope="module")
def undisturbed(ask: Ask) -> tuple[Request, Trained]:
    request = ask("whole", *TAUGHT)
    return request, Run(request, MACHINE).train()


def test_a_teacher_is_what_plain_training_makes_and_a_student_is_another(
    undisturbed: tuple[Request, Trained], ask: Ask
) -> None:
    request, trained = undisturbed
    plain = ask("plain", *TAUGHT[1:])
    alone = Run(plain, MACHINE).train()
    assert isinstance(alone.model, Network)
    teacher = safetensors.torch.load_file(request.output / "training" / "teacher.safetensors")
    torch.testing.assert_close(teacher, dict(alone.model.state_dict()), atol=0, rtol=0)
    student = trained.model.state_dict()
    assert not torch.equal(student["pooling.classify.weight"], teacher["pooling.classify.weight"])
    torch.testing.assert_close(student["scaling.mean"], teacher["scaling.mean"], atol=0, rtol=0)

    rows = log(request)
    assert [(row["epoch"], row["stage"], row["step"]) for row in rows] == [
        *(("1", "1", "3"), ("2", "1", "6")),
        *(("3", "2", "9"), ("4", "2", "12"), ("5", "2", "15")),
    ]
    assert [{k: v for k, v in row.items() if k != "stage"} for row in rows[:2]] == log(plain)
    seconds = [row["seconds"] for row in read_log(request.output / "log.csv")]
    assert seconds == sorted(seconds)

    assert "**self-training**: a student, trained" in finish(request, trained)
    left = {path.name for path in (request.output / "training").rglob("*.*") if path.parent.name != "tensorboard"}
    assert left == {"run.json", "teacher.safetensors", "pseudo.npz"}


def test_stopped_in_any_stage_it_ends_as_one_that_was_not(undisturbed: tuple[Request, Trained], ask: Ask) -> None:
    request, whole = undisturbed
    torn = ask("torn", *TAUGHT)
    state = torn.output / "training"
    for stage, step, there in (
        (1, 4, "teacher/last.ckpt"),  # in the teacher's second epoch
        (0, 5, "teacher.safetensors"),  # while the teacher listens
        (1, 1, "pseudo.npz"),  # the teacher is done, so the first to be trained is the student
        (1, 5, "last.ckpt"),  # in the student's second epoch
    ):
        with pytest.raises(StoppedError):
            Run(torn, MACHINE, Stop(stage, step)).train()
        assert (state / there).is_file()
    trained = Run(torn, MACHINE).train()
    torch.testing.assert_close(dict(trained.model.state_dict()), dict(whole.model.state_dict()), atol=0, rtol=0)
    assert log(torn) == log(request)
    assert (state / "pseudo.npz").read_bytes() == (request.output / "training" / "pseudo.npz").read_bytes()


def test_a_student_can_begin_where_its_teacher_ended(ask: Ask) -> None:
    on = "training.self_training.{}".format
    taught = [on("begin=teacher"), on("epochs=1"), on("learning_rate=1e-12")]
    request = ask("onward", *taught, "training.steps_per_epoch=2")
    student = Run(request, MACHINE).train().model
    teacher = safetensors.torch.load_file(request.output / "training" / "teacher.safetensors")
    for name, parameter in student.named_parameters():
        assert torch.allclose(parameter, teacher[name], atol=1e-6), name


def test_recordings_without_labels_are_tagged_and_learned_from(ask: Ask, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    for number, path in enumerate(sorted((ask("x").train.source / "audio").glob("*.wav"))[:6]):
        (extra / f"more{number}.wav").write_bytes(path.read_bytes())
    (extra / "broken.wav").write_text("no sound " * 9)
    changes = ("training.self_training.epochs=1", "training.steps_per_epoch=null")
    request = ask("more", *changes, unlabelled=read_unlabelled(extra, []))
    trained = Run(request, MACHINE).train()
    assert (trained.unlabelled, trained.clips) == (6, (32, 16))
    assert [(problem.kind, problem.where) for problem in trained.problems] == [("unreadable", "broken.wav")]
    frames = FrameTargets.load(request.output / "training" / "pseudo.npz")
    assert len(frames) == 38
    np.testing.assert_array_equal(frames.labels[range(32)], request.train.targets())
    assert [row["step"] for row in trained.history] == [4, 8, 8 + round(38 / 8)]
    assert "**clips without labels**: 6" in finish(request, trained)
    assert ask("more", *changes).difference() == "unlabelled clips"


def test_what_cannot_be_is_refused(ask: Ask) -> None:
    with pytest.raises(ConfigError, match=r"self_training runs in a single process; remove --processes"):
        Run(ask("m", *TAUGHT), Machine(processes=2)).train()
    with pytest.raises(ConfigError, match=r"training: fuse and self_training cannot be combined.*use average_last"):
        TrainingOptions(fuse=FuseOptions(first=2)).self_trained()
    assert TrainingOptions().self_trained().self_training == SelfTrainingOptions()


def test_a_run_of_before_there_were_these_options_goes_on(ask: Ask) -> None:
    request = ask("old")
    request.claim("float32")
    path = request.output / "training" / "run.json"
    lines = path.read_text().splitlines()
    later = ("self_training", "label_smoothing", "unlabelled", "basis_kernels")
    old = [line for line in lines if not any(name in line for name in later)]
    assert len(old) == len(lines) - 4
    path.write_text("\n".join(old))
    assert request.difference() == ""
    assert ask("old", "training.label_smoothing=0.1").difference() == "training.label_smoothing"
    assert ask("old", "network.encoder.basis_kernels=2").difference() == "network.encoder.basis_kernels"


def test_its_epochs_move_in_proportion() -> None:
    options = TrainingOptions(epochs=10, self_training={"epochs": 20}).lasting(epochs=5)
    assert (options.epochs, options.of_student.epochs) == (5, 10)
    assert TrainingOptions(epochs=10, self_training={}).lasting(epochs=5).of_student.epochs == 5

"""Clips that cannot be used are left out and listed."""

import shutil
from collections.abc import Callable

import pytest

from earmark.data.manifest import read_manifest
from earmark.data.records import Problem
from earmark.errors import DataError
from earmark.training.card import write_card
from earmark.training.loop import Machine
from earmark.training.preparing import prepare
from earmark.training.request import Request
from earmark.training.run import Run

MACHINE = Machine(precision="float32")
Ask = Callable[..., Request]


def broken(request: Request, *names: str) -> Request:
    """The same request, these training clips being text."""
    folder = request.output.parent / "data"
    shutil.copytree(request.train.source, folder)
    for name in names:
        (folder / "audio" / name).write_text("no sound " * 9)
    return Request(**{**vars(request), "train": read_manifest(folder)})


@pytest.mark.parametrize("cache", ["on", "off"])
def test_broken_clips_are_left_out_and_named(ask: Ask, cache: str) -> None:
    request = broken(ask(cache=cache), "train00.wav", "train09.wav")
    elsewhere = Request(**{**vars(request), "output": request.output.parent / "elsewhere"})
    prepared = prepare(elsewhere, lambda text: None)
    assert [(p.kind, p.where) for p in prepared.problems] == [("unreadable", f"train{n}.wav") for n in ("00", "09")]
    assert len(prepared.train) == 30
    assert "train09.wav" not in [clip.name for clip in prepared.train.clips]
    assert (elsewhere.output / "cache").exists() == (cache == "on")
    index = [clip.name for clip in prepared.train.clips].index("train10.wav")
    assert prepared.train.length(index) == len(prepared.train.read(index)) == 32_000
    trained = Run(request, MACHINE).train()
    assert trained.clips == (30, 16)
    assert trained.problems == prepared.problems


def test_a_label_without_clips_is_left_out_everywhere(ask: Ask) -> None:
    request = ask()
    manifest = request.train
    clips = [clip for clip in manifest.clips if "hum" not in clip.labels]
    lacking = Request(**{**vars(request), "train": manifest.with_clips(clips)})
    trained = Run(lacking, MACHINE).train()
    assert trained.model.labels.names == trained.point.labels == ("beep", "horn", "whistle")
    message = "no usable clip has this label; the label is left out"
    assert trained.problems == (Problem("label", "hum", message),)
    card = write_card(lacking, trained, name="m", recipe="tiny", command="")
    assert "hum" not in card
    assert "**left out**: 1 clips or labels" in card


def test_nothing_usable_leaves_nothing_behind(ask: Ask) -> None:
    names = [f"train{n:02d}.wav" for n in range(32)]
    request = broken(ask(), *names)
    with pytest.raises(DataError, match=r"none of the 32 clips can be read; the first: .*train00.wav: cannot be read"):
        Run(request, MACHINE).train()
    assert not request.output.exists()
